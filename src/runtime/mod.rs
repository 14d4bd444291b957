//! What a candidate takes from its surroundings: time, tasks and random numbers.
//!
//! Every task, timer and random number of an election comes from here, so that a simulation decides all of them.
//!
//! - `spawner`: starts tasks on Tokio or elsewhere; `random`: random numbers.

mod random;
mod spawner;

pub use self::{
    random::Random,
    spawner::{BoxFuture, Spawn, Spawner},
};
use crate::clock::Clock;

/// The surroundings of a candidate. The default is the operating system's clock and randomness, and Tokio.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    /// The monotonic clock.
    pub clock: Clock,
    /// Starts the tasks.
    pub spawner: Spawner,
    /// The source of random numbers.
    pub random: Random,
}

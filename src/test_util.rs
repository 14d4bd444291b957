//! For tests of your own (feature `test-util`): a clock that a test moves.
//!
//! Give it to a candidate with [`Builder::clock`](crate::Builder::clock), and keep the lease in a
//! [`Memory`](crate::store::Memory) store, which with this feature has faults as well.

pub use crate::clock::{FakeClock, Moment};

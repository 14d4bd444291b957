//! A leader is stopped in the middle of a write, and goes on when another one leads: a storage that checks
//! fencing tokens refuses its late write, and one that does not loses an update.
//!
//! ```sh
//! cargo run --example fenced_store   # tells its story in about 6 s
//! ```
//!
//! The candidates are processes of their own, so that one can be stopped with SIGSTOP; the nats-server is real.
//! The exit code is 1 if the late write was taken.
//!
//! - `candidate`: a leader that sends its token with all that it asks of the storage. A part to copy.
//! - `storage`: a server that checks it. The other part to copy.
//! - `story`: what happens, and in which order.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]
#![allow(
    clippy::disallowed_methods,
    reason = "it measures from outside, and decides nothing"
)]

mod candidate;
mod storage;
mod story;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match candidate::Role::from_env() {
        Some(role) => candidate::run(role).await,
        None => story::play(&[]).await?.check(),
    }
}

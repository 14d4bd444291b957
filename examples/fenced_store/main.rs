//! A leader is stopped in the middle of a write, and resumes after another node was elected. A storage that checks
//! fencing tokens rejects the late write; a storage that does not loses an update.
//!
//! ```sh
//! cargo run --example fenced_store   # about 6 s
//! ```
//!
//! The candidates are separate processes, so that SIGSTOP can stop one of them. The nats-server is real. The exit
//! code is 1 if the late write was accepted.
//!
//! - `candidate`: a leader that sends its token with every request to the storage. Copy this part.
//! - `storage`: a server that checks the token. Copy this part too.
//! - `story`: the sequence of events.
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

//! Three replicas of a small orders app, and what happens to writes when the leader is killed, steps down, or is
//! paused for longer than its lease.
//!
//! ```sh
//! cargo run --example demo            # about 15 s
//! cargo run --example demo -- --keep  # leaves the replicas running, for you to try
//! ```
//!
//! You need Rust and Python 3. The demo finds or downloads nats-server and starts it. Each replica is a separate
//! process. All of them receive writes all the time, and the demo records every response. At the end it checks the
//! fencing tokens of the accepted writes. The exit code is 1 if a check fails.
//!
//! - `replica`: the app. This is the part to copy.
//! - `cast`: the processes, started, killed, paused.
//! - `traffic`: the writes. `log`: their responses, and the checks.
//! - `story`: the sequence of events.
#![allow(clippy::print_stdout, reason = "a demo talks to its audience")]
#![allow(
    clippy::disallowed_methods,
    reason = "it measures from outside, and decides nothing"
)]

mod cast;
mod log;
mod replica;
mod story;
mod traffic;

use std::env;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["replica", id, address, nats_url] => replica::run(id, address, nats_url).await,
        [] => play(false).await,
        ["--keep"] => play(true).await,
        _ => anyhow::bail!("usage: demo [--keep]"),
    }
}

/// The replicas and the nats-server end when this returns or is dropped.
async fn play(keep: bool) -> anyhow::Result<()> {
    tokio::select! {
        played = story::play(keep) => played,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

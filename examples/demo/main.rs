//! Three replicas of a small orders app, and what happens to writes when their leader is killed, steps down, or
//! is paused for longer than its lease.
//!
//! ```sh
//! cargo run --example demo            # tells its story in about 15 s
//! cargo run --example demo -- --keep  # and leaves the replicas running, to be played with
//! ```
//!
//! It needs nothing but Rust and Python: it finds or fetches a nats-server and starts it. Every replica is a
//! process of its own. All of them get writes, all the time, and every answer is kept, so that at the end the
//! fencing tokens of the writes that were taken can be checked. The exit code is 1 if a check fails.
//!
//! - `replica`: the app. The part to copy; the rest is stagecraft.
//! - `cast`: the processes, started, killed, paused.
//! - `traffic`: the writes. `log`: their answers, and the checks.
//! - `story`: what happens, and in which order.
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

/// The replicas and the nats-server end with this, however it ends.
async fn play(keep: bool) -> anyhow::Result<()> {
    tokio::select! {
        played = story::play(keep) => played,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

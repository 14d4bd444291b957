//! Five nodes take the orders of many customers. The customers are cut into shards, and each shard has a leader and an
//! SQLite file. While orders arrive on all nodes, a node is killed, one joins, one leaves, and one is paused in the
//! middle of an order, which its storage refuses once the node goes on.
//!
//! ```sh
//! cargo run -p sharded_orders   # about 30 s
//! ```
//!
//! You need Rust, a C compiler and Python 3. The example finds or downloads nats-server and starts it. Each node is a
//! separate process. In the end the files are compared with the responses. The exit code is 1 if an acknowledged order
//! is lost or was taken twice, or if the late order was taken.
//!
//! - `node`: a node. `storage`: its storage, which checks the fencing token. These are the parts to copy.
//! - `load`: the customers. `log`: the responses. `late_order`: the order whose node is paused.
//! - `fleet`: the processes, and where the shards are. `story`: the sequence of events.
//! - `verdict`: compares the files with the responses.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks to its reader"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "it measures from outside, and decides nothing"
)]

mod fleet;
mod late_order;
mod load;
mod log;
mod node;
mod storage;
mod story;
mod verdict;

use std::{env, process::ExitCode};

/// The exit code of a program that Ctrl-C has ended, as shells report it.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["node", id, address, nats_url, folder] => {
            node::run(id, address, nats_url, folder).await?;
            Ok(ExitCode::SUCCESS)
        }
        [] => play().await,
        _ => anyhow::bail!("usage: sharded_orders"),
    }
}

/// The nodes and the nats-server end, and the folder is removed, when this returns.
async fn play() -> anyhow::Result<ExitCode> {
    tokio::select! {
        played = story::play() => played.map(|()| ExitCode::SUCCESS),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted.map(|()| INTERRUPTED.into())?),
    }
}

//! Work that runs on one node at a time.
//!
//! ```sh
//! cargo run --example quickstart
//! ```
//!
//! It needs a NATS server with JetStream at `NATS_URL`, by default `localhost:4222`. Run it in two terminals: one
//! process works, the other waits. Ctrl-C or SIGTERM stops the work and releases the lease, and the other process
//! takes over at once. After a `kill -9` it takes over when the lease expires, up to 15 s later.

use std::{env, process, time::Duration};

use noleader::Leader;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let url = env::var("NATS_URL").unwrap_or_else(|_| "localhost:4222".to_owned());
    let client = async_nats::connect(url).await?;

    let leader = Leader::new("my_bucket", "election_key", client);
    leader.create_bucket().await?;
    tokio::spawn(leave(leader.clone()));

    let leader_id = leader.leader_id().to_string();
    leader
        .acquire_and_run(move |token| {
            let leader_id = leader_id.clone();
            async move {
                while !token.is_cancelled() {
                    tracing::info!(leader_id, "do work as leader");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Ok::<(), anyhow::Error>(())
            }
        })
        .await?;
    Ok(())
}

/// On a signal: cancels the work's token, waits for the work to end, and releases the lease.
async fn leave(leader: Leader) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    match leader.handle() {
        // Then the loop in `main` returns.
        Some(handle) => handle.shutdown().await?,
        // The server was not reached yet, so there is nothing to release.
        None => process::exit(0),
    }
    Ok(())
}

//! A node, as a separate process.

use std::{env, future::pending, process::Command, time::Duration};

use noleader::{Admission, LeaderHandle, Shards, ShardsStatus};
use serde::{Deserialize, Serialize};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};

use crate::{LEASE, Result};

/// The variable that turns this program into a node. Its value is a [`Role`] in JSON.
const ROLE: &str = "NOLEADER_BENCH_NODE";
/// How often a node says what it leads.
const PACE: Duration = Duration::from_millis(10);
/// How long the request takes that is inside a node that leaves, if there is one.
pub(crate) const REQUEST: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    Shards,
    /// An election for each.
    Elections,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) mode: Mode,
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) count: u32,
    /// A request is inside when the node leaves.
    pub(crate) is_busy: bool,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Shards => "shards",
            Self::Elections => "elections",
        }
    }
}

impl Role {
    pub(crate) fn from_env() -> Option<Self> {
        serde_json::from_str(&env::var(ROLE).ok()?).ok()
    }

    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new(env::current_exe()?);
        command.env(ROLE, serde_json::to_string(self)?);
        Ok(command)
    }
}

/// Leads until SIGTERM.
pub(crate) async fn run(role: Role) -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let client = async_nats::connect(&role.url).await?;
    let leave = async { terminated.recv().await };
    match role.mode {
        Mode::Shards => {
            let shards = Shards::builder("shards", role.count)
                .id(role.id)
                .lease(LEASE)
                .start(client)
                .await?;
            tokio::select! {
                () = say(|| match shards.status() {
                    ShardsStatus::Member { owned } => owned,
                    _ => 0,
                }) => {}
                () = serve_first(|| !shards.owned().is_empty()) => {}
                _ = leave => {}
            }
            if role.is_busy {
                let first = shards.owned().into_iter().next().ok_or("no shard")?;
                execute(shards.admit(first.id())?);
            }
            shards.shutdown().await?;
        }
        Mode::Elections => {
            let mut elections = Vec::new();
            for key in 0..role.count {
                let election = LeaderHandle::builder("elections", key.to_string())
                    .id(&role.id)
                    .lease(LEASE)
                    .start(client.clone());
                elections.push(election.await?);
            }
            let led = || elections.iter().filter(|leader| leader.is_leader()).count();
            tokio::select! {
                () = say(led) => {}
                () = serve_first(|| led() > 0) => {}
                _ = leave => {}
            }
            if role.is_busy {
                let admission = elections.iter().find_map(|leader| leader.admit().ok());
                execute(admission.ok_or("no election is led")?);
            }
            let mut left = JoinSet::new();
            for election in elections {
                left.spawn(async move { election.shutdown().await });
            }
            while let Some(left) = left.join_next().await {
                left??;
            }
        }
    }
    Ok(())
}

/// Executes a request in the background.
fn execute(admission: Admission) {
    tokio::spawn(async move {
        tokio::time::sleep(REQUEST).await;
        drop(admission);
    });
}

/// Says that the node serves requests, once it can. Goes on until it is dropped.
async fn serve_first(serves: impl Fn() -> bool) {
    while !serves() {
        tokio::time::sleep(PACE).await;
    }
    println!("serves");
    pending::<()>().await;
}

/// Says what the node leads, whenever that has changed.
async fn say(led: impl Fn() -> usize) {
    let mut said = usize::MAX;
    loop {
        let now = led();
        if now != said {
            println!("leads {now}");
            said = now;
        }
        tokio::time::sleep(PACE).await;
    }
}

//! The processes of the nodes, and where the shards are.

use std::{collections::BTreeMap, env, path::Path, process::Command, time::Duration};

use anyhow::Context;
use noleader::ShardId;
use noleader_fixture::{Port, Process, eventually};

use crate::node::SHARDS;

/// How long something may take, on a very slow machine.
const BOUND: Duration = Duration::from_secs(60);

/// A node's process.
pub(crate) struct Node {
    pub(crate) id: &'static str,
    pub(crate) process: Process,
    port: Port,
}

/// The node that leads each shard.
pub(crate) type Places = BTreeMap<ShardId, &'static str>;

impl Node {
    /// Runs this program again, as a node, and returns once it listens.
    pub(crate) async fn start(
        id: &'static str,
        nats_url: &str,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let port = Port::reserve()?;
        let mut command = Command::new(env::current_exe()?);
        command.args(["node", id, &port.addr().to_string(), nats_url]);
        command.arg(folder);
        let mut process = Process::spawn_with_stdout(command)?;
        process
            .wait_for_line(|line| line == "listening", BOUND)
            .await?;
        Ok(Self { id, process, port })
    }

    pub(crate) fn address(&self) -> String {
        self.port.addr().to_string()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.port.addr())
    }

    /// The shards that are open on this node, and their tokens.
    pub(crate) async fn shards(&self) -> anyhow::Result<BTreeMap<ShardId, u64>> {
        let response = reqwest::get(format!("{}/shards", self.url())).await?;
        let text = response.error_for_status()?.text().await?;
        let shard = |line: &str| {
            let (index, token) = line.split_once(' ').context("a shard without a token")?;
            Ok((ShardId::new(index.parse()?), token.parse()?))
        };
        text.lines().map(shard).collect()
    }
}

/// Waits until each shard is open on one of these nodes, and each node has its part.
pub(crate) async fn settled(nodes: &[&Node]) -> anyhow::Result<Places> {
    let what = "the shards to be spread over the nodes";
    let places = eventually(what, BOUND, async || spread(nodes).await).await?;
    Ok(places)
}

async fn spread(nodes: &[&Node]) -> Option<Places> {
    let (mut places, mut total) = (Places::new(), 0);
    for node in nodes {
        let shards = node.shards().await.ok()?;
        let part = SHARDS as usize / nodes.len();
        if !(part..=part + 1).contains(&shards.len()) {
            return None;
        }
        total += shards.len();
        places.extend(shards.into_keys().map(|shard| (shard, node.id)));
    }
    let each_once = total == SHARDS as usize && places.len() == total;
    each_once.then_some(places)
}

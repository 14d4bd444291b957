//! The price of many leaders: shards over five processes on a real nats-server, and one lease for each in the same run.
//!
//! `cargo bench --bench shards` prints the tables in docs/figures.md. `NOLEADER_SHARDS` sets the numbers of shards,
//! `1,100,1000,10000` by default.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a program to run by hand, which measures with a plain clock"
)]

mod gate;
mod node;
mod usage;

use std::{
    env,
    time::{Duration, Instant},
};

use async_nats::jetstream;
use noleader_fixture::{Process, Server};

use self::{
    node::{Mode, Role},
    usage::Usage,
};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

pub(crate) const LEASE: Duration = Duration::from_secs(6);
const NODES: usize = 5;
/// How long nothing happens while the rest is measured.
const REST: Duration = Duration::from_secs(18);
const BOUND: Duration = Duration::from_secs(300);
/// More elections than this take minutes to start.
const MOST_ELECTIONS: u32 = 1_000;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    if let Some(role) = Role::from_env() {
        return runtime.block_on(node::run(role));
    }
    let counts = env::var("NOLEADER_SHARDS").unwrap_or_else(|_| "1,100,1000,10000".to_owned());
    runtime.block_on(async {
        gate::print().await?;
        println!(
            "\nlease {LEASE:?}, {NODES} nodes\n\n\
             | | start | writes/s at rest | CPU of all nodes | memory of a node | after a kill | after a leave \
             | after a leave with a request of {:?}: the others, its own | until a request is served after all have left |\n\
             |---|---|---|---|---|---|---|---|---|",
            node::REQUEST,
        );
        for count in counts.split(',') {
            let count = count.parse()?;
            measure(Mode::Shards, count).await?;
            if count <= MOST_ELECTIONS {
                measure(Mode::Elections, count).await?;
            }
        }
        Ok(())
    })
}

/// Starts nodes, lets them rest, kills one and has one leave.
async fn measure(mode: Mode, count: u32) -> Result<()> {
    let server = Server::start().await?;
    let begun = Instant::now();
    let mut nodes = Vec::new();
    for number in 0..NODES {
        // The third that goes: one is killed, and one leaves without a request.
        let is_busy = number == NODES - 3;
        nodes.push(Node::start(&server, mode, number, count, is_busy)?);
    }
    led(&mut nodes, count).await?;
    let start = begun.elapsed();
    if mode == Mode::Shards {
        spread(&mut nodes).await?;
    }
    tokio::time::sleep(LEASE).await;

    let pids: Vec<_> = nodes.iter().map(|node| node.process.pid()).collect();
    let client = server.client().await?;
    let (before, writes) = (Usage::of(&pids)?, last_sequence(&client, mode).await?);
    tokio::time::sleep(REST).await;
    let (after, more) = (Usage::of(&pids)?, last_sequence(&client, mode).await?);
    let per_second = (more - writes) as f64 / REST.as_secs_f64();
    let cpu = (after.cpu - before.cpu).as_secs_f64() / REST.as_secs_f64();
    let memory = after.resident as f64 / NODES as f64 / 1024.0;

    let mut killed = nodes.pop().ok_or("no node")?;
    let begun = Instant::now();
    killed.process.kill();
    led(&mut nodes, count).await?;
    let kill = begun.elapsed();
    let mut left = nodes.pop().ok_or("no node")?;
    let begun = Instant::now();
    left.process.terminate().await?;
    led(&mut nodes, count).await?;
    let leave = begun.elapsed();
    let busy = leave_with_a_request(&mut nodes, count).await?;
    for mut node in nodes {
        node.process.terminate().await?;
    }
    let again = until_served(&server, mode, count).await?;
    println!(
        "| {count} {} | {:.1} s | {per_second:.1} | {:.1} % | {memory:.1} MiB | {:.1} s | {:.2} s | {busy} | {:.2} s |",
        mode.name(),
        start.as_secs_f64(),
        cpu * 1e2,
        kill.as_secs_f64(),
        leave.as_secs_f64(),
        again.as_secs_f64(),
    );
    Ok(())
}

/// A node leaves with one request inside. Returns when the others lead all but the shard of
/// the request, and when they lead all.
async fn leave_with_a_request(nodes: &mut Vec<Node>, count: u32) -> Result<String> {
    let mut busy = nodes.pop().ok_or("no node")?;
    // The request needs a shard.
    if busy.led().await? == 0 {
        return Ok(String::new());
    }
    let begun = Instant::now();
    let others = async {
        led(nodes, count - 1).await?;
        let others = begun.elapsed().as_secs_f64();
        led(nodes, count).await?;
        Ok(format!(
            "{others:.2} s, {:.2} s",
            begun.elapsed().as_secs_f64()
        ))
    };
    let (left, others) = tokio::join!(busy.process.terminate(), others);
    left?;
    others
}

/// Starts one node where no other is left, and waits until it serves a request.
async fn until_served(server: &Server, mode: Mode, count: u32) -> Result<Duration> {
    let begun = Instant::now();
    let mut node = Node::start(server, mode, 0, count, false)?;
    let serves = node.process.wait_for_line(|line| line == "serves", BOUND);
    serves.await?;
    let elapsed = begun.elapsed();
    node.process.terminate().await?;
    Ok(elapsed)
}

/// Waits until the nodes lead everything.
async fn led(nodes: &mut [Node], count: u32) -> Result<()> {
    let begun = Instant::now();
    loop {
        let mut led = 0;
        for node in &mut *nodes {
            led += node.led().await?;
        }
        if led == count {
            return Ok(());
        }
        if begun.elapsed() > BOUND {
            return Err(format!("{led} of {count} are led").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until moves have ended.
async fn spread(nodes: &mut [Node]) -> Result<()> {
    let begun = Instant::now();
    loop {
        let mut led = Vec::new();
        for node in &mut *nodes {
            led.push(node.led().await?);
        }
        let most = led.iter().max().copied().unwrap_or(0);
        if led.iter().all(|led| most - led <= 1) {
            return Ok(());
        }
        if begun.elapsed() > BOUND {
            return Err(format!("the shards are not spread: {led:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn last_sequence(client: &async_nats::Client, mode: Mode) -> Result<u64> {
    let stream = format!("KV_{}", mode.name());
    let stream = jetstream::new(client.clone()).get_stream(stream).await?;
    Ok(stream.cached_info().state.last_sequence)
}

struct Node {
    process: Process,
    led: u32,
}

impl Node {
    fn start(
        server: &Server,
        mode: Mode,
        number: usize,
        count: u32,
        is_busy: bool,
    ) -> Result<Self> {
        let role = Role {
            mode,
            id: format!("node-{number}"),
            url: server.url(),
            count,
            is_busy,
        };
        let process = Process::spawn_with_stdout(role.command()?)?;
        Ok(Self { process, led: 0 })
    }

    /// How many shards or elections the node leads, as it has said last.
    async fn led(&mut self) -> Result<u32> {
        while let Ok(line) = self.process.next_line(Duration::from_millis(1)).await {
            if let Some(led) = line.strip_prefix("leads ") {
                self.led = led.parse()?;
            }
        }
        Ok(self.led)
    }
}

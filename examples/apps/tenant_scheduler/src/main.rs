//! A scheduler for many tenants: each tenant's jobs run on one node at a time, one after the other, and the nodes share
//! the tenants. A node joins and another leaves while the jobs run.
//!
//! ```sh
//! cargo run -p tenant_scheduler   # about 20 s
//! ```
//!
//! You need Rust and Python 3. The example finds or downloads nats-server and starts it. The nodes are tasks of one
//! process here. The exit code is 1 if a job of a tenant is skipped, runs twice, or is not finished. A node that crashes
//! leaves a job unfinished, and the next leader runs it again: see `sharded_orders` for crashes and pauses.
//!
//! - `scheduler`: a node. This is the part to copy.
//! - `database`: what the jobs have done. It checks the fencing token.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

mod database;
mod scheduler;

use std::{collections::BTreeSet, process::ExitCode, sync::Arc};

use anyhow::Context;
use noleader::Shards;
use noleader_fixture::Server;
use tokio::task::JoinHandle;

use crate::{
    database::{Database, Job},
    scheduler::{LEASE, SHARDS},
};

const TENANTS: [&str; 12] = [
    "acme", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "jade", "koala",
    "lotus",
];

/// The exit code of a program that Ctrl-C has ended, as shells report it.
const INTERRUPTED: u8 = 130;

/// A node, and its work.
struct Node {
    shards: Shards,
    work: JoinHandle<anyhow::Result<()>>,
}

/// The nats-server ends when this returns.
#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    tokio::select! {
        played = play() => played.map(|()| ExitCode::SUCCESS),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted.map(|()| INTERRUPTED.into())?),
    }
}

async fn play() -> anyhow::Result<()> {
    let nats = Server::start().await?;
    let database = Arc::new(Database::new(&TENANTS));
    println!(
        "{} tenants in {SHARDS} shards, a lease of {LEASE:?}",
        TENANTS.len()
    );
    let mut nodes = Vec::new();
    for id in ["a", "b"] {
        nodes.push(Node::start(id, &nats, &database).await?);
    }
    runs_on(&nodes, &database).await?;

    println!("c joins, and gets its part once it has been there for two leases");
    nodes.push(Node::start("c", &nats, &database).await?);
    nodes[2].leads_some(&database).await?;
    runs_on(&nodes, &database).await?;

    println!("a leaves: it finishes the jobs that it has begun, and the others go on");
    nodes.remove(0).stop().await?;
    runs_on(&nodes, &database).await?;

    for node in nodes {
        node.stop().await?;
    }
    let jobs = database.jobs();
    for (tenant, jobs) in &jobs {
        check(jobs).with_context(|| format!("the jobs of {tenant}"))?;
    }
    let count: usize = jobs.iter().map(|(_, jobs)| jobs.len()).sum();
    println!("{count} jobs: each ran once, in order, and was finished");
    Ok(())
}

impl Node {
    async fn start(id: &str, nats: &Server, database: &Arc<Database>) -> anyhow::Result<Self> {
        let shards = scheduler::join(id, &nats.url()).await?;
        let work = tokio::spawn(scheduler::run(shards.clone(), database.clone()));
        Ok(Self { shards, work })
    }

    /// Waits until the node leads the shard of a tenant.
    async fn leads_some(&self, database: &Database) -> anyhow::Result<()> {
        let mut status = self.shards.watch();
        let leads = |tenant: &String| self.shards.is_leader(self.shards.of(tenant));
        status
            .wait_for(|_| database.tenants().iter().any(leads))
            .await?;
        Ok(())
    }

    /// Leaves, and waits for the end of the work.
    async fn stop(self) -> anyhow::Result<()> {
        self.shards.shutdown().await?;
        self.work.await?
    }
}

/// Waits until a job of each tenant has run on one of these nodes, and shows where.
async fn runs_on(nodes: &[Node], database: &Database) -> anyhow::Result<()> {
    let ids: BTreeSet<&str> = nodes.iter().map(|node| node.shards.id()).collect();
    database.each_runs_on(&ids).await?;
    let jobs = database.jobs();
    for id in ids {
        let is_here = |jobs: &[Job]| jobs.last().is_some_and(|job| job.node == id);
        let here = jobs.iter().filter(|(_, jobs)| is_here(jobs));
        let tenants: Vec<&str> = here.map(|(tenant, _)| tenant.as_str()).collect();
        println!("  {id} runs the jobs of {}", tenants.join(", "));
    }
    Ok(())
}

/// Each number occurs once, in order.
fn check(jobs: &[Job]) -> anyhow::Result<()> {
    for (number, job) in (1..).zip(jobs) {
        anyhow::ensure!(
            job.number == number,
            "job {number} is missing, or job {} ran twice",
            job.number
        );
        anyhow::ensure!(job.is_finished, "job {number} was not finished");
    }
    Ok(())
}

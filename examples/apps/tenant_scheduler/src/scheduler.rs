//! A node: it runs the jobs of the tenants in its shards.

use std::{sync::Arc, time::Duration};

use noleader::{Shard, Shards};
use tokio::time::sleep;

use crate::database::Database;

/// Ten for each node and more, so that each node gets nearly the same part.
pub(crate) const SHARDS: u32 = 32;

/// Short, so that the example is short. The default is 15 s.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// How often the jobs of each tenant are due.
const EVERY: Duration = Duration::from_millis(250);

/// How long a job takes.
const WORK: Duration = Duration::from_millis(100);

/// Starts a node.
pub(crate) async fn join(id: &str, nats_url: &str) -> anyhow::Result<Shards> {
    let shards = Shards::builder("tenant_scheduler", SHARDS)
        .id(id)
        .lease(LEASE)
        .start(async_nats::connect(nats_url).await?)
        .await?;
    Ok(shards)
}

/// Runs the jobs of all shards that the node leads, each shard in its own task, until the node was shut down.
pub(crate) async fn run(shards: Shards, database: Arc<Database>) -> anyhow::Result<()> {
    let node: Arc<str> = shards.id().into();
    let all = shards.clone();
    let work = move |shard| run_shard(all.clone(), shard, node.clone(), database.clone());
    Ok(shards.run_each(work).await?)
}

/// Runs the jobs of the tenants in a shard until another node is to lead it. A job that has begun is finished first:
/// the shard is freed when this returns.
async fn run_shard(
    shards: Shards,
    shard: Shard,
    node: Arc<str>,
    database: Arc<Database>,
) -> anyhow::Result<()> {
    let is_here = |tenant: &&String| shards.of(tenant) == shard.id();
    let tenants: Vec<&String> = database.tenants().iter().filter(is_here).collect();
    let closing = shard.closing();
    while !closing.is_cancelled() {
        for tenant in &tenants {
            if closing.is_cancelled() {
                break;
            }
            run_job(tenant, &shard, &node, &database).await?;
        }
        // Wakes at once when the shard is to move.
        tokio::select! {
            () = closing.cancelled() => {}
            () = sleep(EVERY) => {}
        }
    }
    Ok(())
}

/// Runs the next job of a tenant.
async fn run_job(
    tenant: &str,
    shard: &Shard,
    node: &str,
    database: &Database,
) -> anyhow::Result<()> {
    // The read has the token too: from now on, the database refuses writes of earlier leaders.
    let Ok(number) = database.begin(tenant, shard.token(), node) else {
        // Another node leads the shard, and this one is about to learn it. That is no reason to end all work.
        return Ok(());
    };
    sleep(WORK).await;
    // If it is refused, the next leader runs the job again. So a job must bear that, as after a crash.
    let _refused = database.finish(tenant, shard.token(), number);
    Ok(())
}

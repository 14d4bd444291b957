//! The sequence of events. Nothing here waits for time to pass, only for other processes.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::Context;
use noleader::ShardId;
use noleader_fixture::Server;
use tempfile::TempDir;

use crate::{
    fleet::{Node, Places, settled},
    late_order::{self, Answer, LateOrder},
    load::{Load, PATIENCE, customer_of},
    log::{Cost, Log, Outcome},
    node::{LEASE, SHARDS},
    storage::Storage,
    verdict::Verdict,
};

/// A change of the nodes.
struct Change {
    what: &'static str,
    moved: usize,
    took: Duration,
    cost: Cost,
}

/// What happened to the late order.
struct Late {
    shard: ShardId,
    /// The token under which it was admitted.
    token: u64,
    answer: Answer,
}

struct Story {
    began: Instant,
    log: Log,
    load: Load,
    nodes: Vec<Node>,
    places: Places,
    changes: Vec<Change>,
    folder: TempDir,
    // Dropped last.
    nats: Server,
}

pub(crate) async fn play() -> anyhow::Result<()> {
    let mut story = Story::open().await?;
    story.kill("b").await?;
    story.join("f").await?;
    story.leave("c").await?;
    let late = story.pause("d").await?;
    story.close(&late).await
}

impl Story {
    async fn open() -> anyhow::Result<Self> {
        let began = Instant::now();
        println!("starting nats-server and five nodes that share {SHARDS} shards");
        let (nats, folder) = (Server::start().await?, tempfile::tempdir()?);
        let mut nodes = Vec::new();
        for id in ["a", "b", "c", "d", "e"] {
            let node = Node::start(id, &nats.url(), folder.path()).await?;
            println!("  {id}  {}  process {}", node.url(), node.process.pid());
            nodes.push(node);
        }
        println!(
            "one SQLite file per shard is in {}",
            folder.path().display()
        );
        let places = settled(&nodes.iter().collect::<Vec<_>>()).await?;
        let (log, urls) = (Log::default(), nodes.iter().map(Node::url).collect());
        let story = Self {
            began,
            load: Load::start(urls, &log),
            log,
            nodes,
            places,
            changes: Vec::new(),
            folder,
            nats,
        };
        story.say(&format!(
            "each shard has a leader, the lease is {LEASE:?}. {SHARDS} customers send orders to all nodes"
        ));
        story.show_places();
        story.log.taken_in_each(all_shards()).await?;
        Ok(story)
    }

    async fn kill(&mut self, id: &'static str) -> anyhow::Result<()> {
        self.head(&format!("kill: {id} is killed (SIGKILL)"));
        let began = Instant::now();
        let mut node = self.remove(id)?;
        node.process.kill();
        self.measure("kill", began).await?;
        self.load.hold().await.retain(|url| *url != node.url());
        Ok(())
    }

    async fn join(&mut self, id: &'static str) -> anyhow::Result<()> {
        self.head(&format!(
            "join: {id} starts, and gets shards once it has been there for two leases"
        ));
        let began = Instant::now();
        let node = Node::start(id, &self.nats.url(), self.folder.path()).await?;
        println!("  {id}  {}  process {}", node.url(), node.process.pid());
        self.load.hold().await.push(node.url());
        self.nodes.push(node);
        self.measure("join", began).await
    }

    async fn leave(&mut self, id: &'static str) -> anyhow::Result<()> {
        self.head(&format!(
            "leave: {id} gets no more orders, and is terminated (SIGTERM)"
        ));
        let mut node = self.remove(id)?;
        self.load.hold().await.retain(|url| *url != node.url());
        let began = Instant::now();
        node.process.terminate().await?;
        self.measure("leave", began).await
    }

    /// A node is paused in the middle of an order, until another node leads the shard.
    async fn pause(&mut self, id: &'static str) -> anyhow::Result<Late> {
        let node = self.remove(id)?;
        // No other order is in progress, so the node is not paused while it holds the lock of a file.
        let mut targets = self.load.hold().await;
        let shards = node.shards().await?;
        let (shard, token) = shards.into_iter().next().context("no shard is open")?;
        let mut order = LateOrder::begin(&node.address(), &customer_of(shard)).await?;
        self.head(&format!(
            "pause: {id} admits an order in shard {shard} with token {token}, and is paused before it writes (SIGSTOP)"
        ));
        let began = Instant::now();
        node.process.pause()?;
        targets.retain(|url| *url != node.url());
        drop(targets);
        println!(
            "  orders that others forward to {id} get no response; the customers give up after {PATIENCE:?}"
        );
        self.measure("pause", began).await?;

        order.send_body().await?;
        let began = Instant::now();
        node.process.resume()?;
        let answer = order.answer().await?;
        self.head(&format!(
            "resume: {id} goes on with the order (SIGCONT), and joins again"
        ));
        println!("  the late order: {} {}", answer.status, answer.text);
        self.load.hold().await.push(node.url());
        self.nodes.push(node);
        self.measure("resume", began).await?;
        Ok(Late {
            shard,
            token,
            answer,
        })
    }

    /// Waits until the shards are spread over the nodes again, and until each has taken an order after that.
    async fn measure(&mut self, what: &'static str, began: Instant) -> anyhow::Result<()> {
        let places = settled(&self.nodes.iter().collect::<Vec<_>>()).await?;
        let ended = Instant::now();
        self.log.taken_in_each(all_shards()).await?;
        let is_elsewhere = |shard: &ShardId| places.get(shard) != self.places.get(shard);
        let moved: BTreeSet<_> = all_shards().into_iter().filter(is_elsewhere).collect();
        self.places = places;
        let change = Change {
            what,
            moved: moved.len(),
            took: ended - began,
            cost: self.log.cost(&moved, began),
        };
        self.say(&format!(
            "{} shards moved within {:.1?}. The longest time without an order in one of them: {:.2?}",
            change.moved, change.took, change.cost.longest_gap
        ));
        self.changes.push(change);
        self.show_places();
        Ok(())
    }

    async fn close(mut self, late: &Late) -> anyhow::Result<()> {
        self.load.end().await;
        for node in &mut self.nodes {
            node.process.terminate().await?;
        }
        self.show_costs();
        let storage = Storage::new(self.folder.path());
        let mut outcomes = self.log.outcomes();
        outcomes.insert(late_order::ID.to_owned(), Outcome::Refused);
        let mut verdict = Verdict::read(&storage, &outcomes)?;
        verdict.violations.extend(late.violation());
        for violation in &verdict.violations {
            println!("WRONG: {violation}");
        }
        anyhow::ensure!(
            verdict.violations.is_empty(),
            "{} violations",
            verdict.violations.len()
        );
        println!(
            "\n{} orders were acknowledged, and each is in the files exactly once. {} had no clear outcome: {} of them are\n\
             in the files, once. The late order was refused. Total time: {:.1?}",
            verdict.taken,
            verdict.unknown,
            verdict.unknown_written,
            self.began.elapsed(),
        );
        Ok(())
    }

    fn remove(&mut self, id: &str) -> anyhow::Result<Node> {
        let position = self.nodes.iter().position(|node| node.id == id);
        Ok(self.nodes.remove(position.context("no such node")?))
    }

    fn show_places(&self) {
        for node in &self.nodes {
            let shards = self.places.iter().filter(|(_, id)| **id == node.id);
            let shards: Vec<_> = shards.map(|(shard, _)| format!("{shard:>2}")).collect();
            println!(
                "  {}  {:>2} shards: {}",
                node.id,
                shards.len(),
                shards.join(" ")
            );
        }
    }

    fn show_costs(&self) {
        println!("\n          moved      in   longest gap   refused   without a response");
        for Change {
            what,
            moved,
            took,
            cost,
        } in &self.changes
        {
            println!(
                "  {what:<8}{moved:>5}{:>6.1} s{:>12.2} s{:>10}{:>21}",
                took.as_secs_f64(),
                cost.longest_gap.as_secs_f64(),
                cost.refused,
                cost.unknown,
            );
        }
    }

    fn head(&self, event: &str) {
        println!();
        self.say(&format!("== {event}"));
    }

    fn say(&self, text: &str) {
        println!("[{:5.2} s]  {text}", self.began.elapsed().as_secs_f64());
    }
}

impl Late {
    /// The storage has to refuse it, because of the token under which it was admitted.
    fn violation(&self) -> Option<String> {
        let (Answer { status, text }, token) = (&self.answer, self.token);
        let stale = format!("fencing token {token} is stale");
        let is_refused = *status == 409 && text.starts_with(&stale);
        (!is_refused).then(|| {
            let shard = self.shard;
            format!("shard {shard}: the storage did not refuse the late order: {status} {text}")
        })
    }
}

fn all_shards() -> BTreeSet<ShardId> {
    (0..SHARDS).map(ShardId::new).collect()
}

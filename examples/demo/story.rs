//! The sequence of events.

use std::{
    future,
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::http::{Method, StatusCode};
use noleader_fixture::Server;
use tokio::{task::JoinSet, time};

use crate::{
    cast::Replica,
    log::{Log, Taken},
    replica::LEASE,
    traffic::Answer,
};

/// Writes to accept between two events: about a second of them.
const A_WHILE: usize = 120;

/// Writes that a paused replica finds when it wakes.
const WAITING: usize = 50;

/// The replicas, and what was observed.
struct Stage {
    replicas: Vec<Replica>,
    /// Ends when this is dropped.
    traffic: JoinSet<()>,
    log: Log,
    began: Instant,
    changes: Vec<Change>,
    // Dropped last.
    _nats: Server,
}

/// One leader followed another.
struct Change {
    why: &'static str,
    last: Taken,
    next: Taken,
}

impl Change {
    fn gap(&self) -> Duration {
        self.next.answered - self.last.answered
    }
}

pub(crate) async fn play(keep: bool) -> anyhow::Result<()> {
    let mut stage = Stage::open().await?;
    stage.first_election().await?;
    stage.crash().await?;
    stage.hand_over().await?;
    stage.pause().await?;
    stage.close().await?;
    if keep {
        stage.stay().await;
    }
    Ok(())
}

impl Stage {
    async fn open() -> anyhow::Result<Self> {
        println!("starting nats-server and three replicas of an orders app");
        let nats = Server::start().await?;
        let mut replicas = Vec::new();
        for name in ["a", "b", "c"] {
            replicas.push(Replica::start(name, &nats).await?);
        }
        let stage = Self {
            replicas,
            traffic: JoinSet::new(),
            log: Log::default(),
            began: Instant::now(),
            changes: Vec::new(),
            _nats: nats,
        };
        let urls: Vec<_> = stage
            .replicas
            .iter()
            .map(|r| format!("{} {}", r.name, r.url()))
            .collect();
        stage.say(&format!("{}, lease {LEASE:?}", urls.join(", ")));
        Ok(stage)
    }

    async fn first_election(&mut self) -> anyhow::Result<()> {
        self.say(
            "all replicas receive writes. The election is new, so the candidates wait one lease",
        );
        for replica in &self.replicas {
            let writes = replica
                .sender
                .clone()
                .write_on(replica.name, self.log.clone());
            self.traffic.spawn(writes);
        }
        let first = self
            .log
            .wait("the first leader", |pages| pages.taken.first().copied())
            .await?;
        self.say(&format!("{} leads, token {}", first.by, first.token));
        self.watch().await
    }

    async fn crash(&mut self) -> anyhow::Result<()> {
        let leader = self.leader()?;
        let replica = &mut self.replicas[leader];
        let name = replica.name;
        let killed = Instant::now();
        replica.process.kill();
        self.head(
            "SIGKILL",
            &format!("{name} is killed without releasing its lease"),
        );
        self.takes_over(name, killed, "SIGKILL", "after the kill")
            .await?;
        self.watch().await?;

        self.replicas[leader].restart().await?;
        self.say(&format!("{name} is restarted, and follows"));
        self.watch().await
    }

    async fn hand_over(&mut self) -> anyhow::Result<()> {
        let replica = &self.replicas[self.leader()?];
        let name = replica.name;
        self.head("step-down", &format!("POST /step-down on {name}"));
        let asked = Instant::now();
        let answer = replica.sender.send(Method::POST, "/step-down").await?;
        anyhow::ensure!(answer.status() == StatusCode::OK, "{}", answer.body());
        let gap = self
            .takes_over(name, asked, "step-down", "after the request")
            .await?;
        self.say(&format!("no write was accepted for {gap:.1?}"));
        self.watch().await
    }

    async fn pause(&mut self) -> anyhow::Result<()> {
        let leader = self.leader()?;
        let replica = &self.replicas[leader];
        let (name, sender) = (replica.name, replica.sender.clone());
        // No write is in progress, so the replica decides about the next one after its pause.
        let hold = sender.hold().await;
        replica.process.pause()?;
        let paused = Instant::now();
        self.head("SIGSTOP", &format!("{name} is paused while it leads"));
        let mut waiting = JoinSet::new();
        for _ in 0..WAITING {
            let (sender, log) = (sender.clone(), self.log.clone());
            waiting.spawn(async move { log.write(name, &sender).await });
        }
        self.say(&format!(
            "{WAITING} writes are sent to {name} and wait in its sockets"
        ));
        self.takes_over(name, paused, "SIGSTOP", "after the pause")
            .await?;
        self.watch().await?;

        time::sleep_until((paused + LEASE).into()).await;
        self.replicas[leader].process.resume()?;
        let slept = paused.elapsed();
        self.say(&format!(
            "SIGCONT: {name} resumes, {slept:.1?} after the pause began"
        ));
        let answers = waiting.join_all().await;
        let refused = |answer: &Answer| matches!(answer, Answer::Refused { .. });
        anyhow::ensure!(
            answers.iter().all(refused),
            "{name} accepted a write after its pause"
        );
        self.say(&format!("{name} rejects all {WAITING}"));
        drop(hold);
        self.watch().await
    }

    /// Waits until another replica accepts a write. Returns the time in which none did.
    async fn takes_over(
        &mut self,
        old: &str,
        since: Instant,
        why: &'static str,
        after: &str,
    ) -> anyhow::Result<Duration> {
        let (last, next) = self.log.succession(old, since).await?;
        let took = next.answered - since;
        let (by, token) = (next.by, next.token);
        self.say(&format!(
            "{by} accepts a write with token {token}, {took:.1?} {after}"
        ));
        let change = Change { why, last, next };
        let gap = change.gap();
        self.changes.push(change);
        Ok(gap)
    }

    async fn close(&mut self) -> anyhow::Result<()> {
        self.traffic.shutdown().await;
        println!(
            "\n  {:<10} {:>21}   leader    token",
            "", "no write accepted for"
        );
        for change in &self.changes {
            let (last, next) = (change.last, change.next);
            println!(
                "  {:<10} {:>18.1} ms   {} -> {}    {} -> {}",
                change.why,
                change.gap().as_secs_f64() * 1e3,
                last.by,
                next.by,
                last.token,
                next.token,
            );
        }

        let mut orders = Vec::new();
        for replica in &self.replicas {
            let list = replica.sender.send(Method::GET, "/orders").await?;
            for token in list.body().lines() {
                orders.push((replica.name, token.parse()?));
            }
        }
        let terms = self.log.check_owners(&orders)?;
        self.log.check_order()?;
        println!(
            "\n{} writes accepted in {terms} terms. No two replicas used the same token, tokens never decreased, and a\n\
             leader that was paused past its lease accepted nothing. Total time: {:.1?}",
            self.log.count(),
            self.began.elapsed(),
        );
        Ok(())
    }

    async fn stay(&self) {
        println!("\nthe replicas run until you press Ctrl-C:");
        for replica in &self.replicas {
            println!(
                "  {}  curl -i -X POST {}/orders",
                replica.name,
                replica.url()
            );
        }
        let url = self.replicas[0].url();
        println!("  who leads:  curl {url}/leader");
        println!("  hand over:  curl -X POST {url}/step-down   (on the leader)");
        future::pending::<()>().await;
    }

    /// The replica that accepted the last write.
    fn leader(&self) -> anyhow::Result<usize> {
        let name = self.log.last()?.by;
        let position = self
            .replicas
            .iter()
            .position(|replica| replica.name == name);
        position.context("an unknown replica")
    }

    /// Lets writes continue for a while, and shows their responses.
    async fn watch(&self) -> anyhow::Result<()> {
        self.log.more(A_WHILE).await?;
        println!("           {}", self.log.tally());
        Ok(())
    }

    fn head(&self, event: &str, text: &str) {
        println!();
        self.say(&format!("== {event}: {text}"));
    }

    fn say(&self, text: &str) {
        println!("[{:5.2} s]  {text}", self.began.elapsed().as_secs_f64());
    }
}

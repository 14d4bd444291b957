//! The outcome of every write, and the checks.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{sync::watch, time};

use crate::traffic::{Answer, Sender};

/// Longer than anything here takes.
const BOUND: Duration = Duration::from_secs(60);

/// A write that a replica accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) by: &'static str,
    pub(crate) token: u64,
    sent: Instant,
    pub(crate) answered: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// In the order of the responses.
    pub(crate) taken: Vec<Taken>,
    /// Since the last [`Log::tally`].
    counts: BTreeMap<(&'static str, Answer), u64>,
}

/// Clones share the pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(watch::Sender<Pages>);

impl Log {
    /// Writes to a replica, and records the response.
    pub(crate) async fn write(&self, name: &'static str, sender: &Sender) -> Answer {
        let sent = Instant::now();
        let answer = sender.write().await;
        self.0.send_modify(|pages| {
            if let Answer::Taken(token) = answer {
                pages.taken.push(Taken {
                    by: name,
                    token,
                    sent,
                    answered: Instant::now(),
                });
            }
            *pages.counts.entry((name, answer.clone())).or_default() += 1;
        });
        answer
    }

    /// Waits until the log contains something.
    pub(crate) async fn wait<T>(
        &self,
        what: &str,
        mut find: impl FnMut(&Pages) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut pages = self.0.subscribe();
        let found = async {
            loop {
                if let Some(found) = find(&pages.borrow_and_update()) {
                    return Ok(found);
                }
                pages.changed().await?;
            }
        };
        time::timeout(BOUND, found)
            .await
            .with_context(|| format!("timed out waiting for {what}"))?
    }

    /// The last accepted write.
    pub(crate) fn last(&self) -> anyhow::Result<Taken> {
        let last = self.0.borrow().taken.last().copied();
        last.context("no write was accepted")
    }

    /// Waits for the first write that a replica other than `old` accepts after `since`. Returns the last write of
    /// `old`, and that write.
    pub(crate) async fn succession(
        &self,
        old: &str,
        since: Instant,
    ) -> anyhow::Result<(Taken, Taken)> {
        self.wait("a write on the next leader", |pages| {
            let is_next = |taken: &Taken| taken.by != old && taken.answered > since;
            let next = pages.taken.iter().position(is_next)?;
            let last = pages.taken[..next].iter().rfind(|taken| taken.by == old)?;
            Some((*last, pages.taken[next]))
        })
        .await
    }

    /// Waits until `count` more writes are accepted.
    pub(crate) async fn more(&self, count: usize) -> anyhow::Result<()> {
        let goal = self.0.borrow().taken.len() + count;
        let reached = |pages: &Pages| (pages.taken.len() >= goal).then_some(());
        self.wait("more writes", reached).await
    }

    /// How many writes were accepted in all.
    pub(crate) fn count(&self) -> usize {
        self.0.borrow().taken.len()
    }

    /// The responses since the last tally, by replica.
    pub(crate) fn tally(&self) -> String {
        let mut counts = BTreeMap::new();
        self.0
            .send_modify(|pages| counts = std::mem::take(&mut pages.counts));
        let mut by_replica: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((name, answer), count) in counts {
            by_replica
                .entry(name)
                .or_default()
                .push(format!("{count} x {answer}"));
        }
        let line = |(name, answers): (&str, Vec<String>)| format!("{name}: {}", answers.join(", "));
        by_replica
            .into_iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("   ")
    }

    /// A write sent after the response to another has the same token or a larger one.
    pub(crate) fn check_order(&self) -> anyhow::Result<()> {
        let by_answer = self.0.borrow().taken.clone();
        let mut by_sending = by_answer.clone();
        by_sending.sort_by_key(|taken| taken.sent);

        let (mut answered, mut largest) = (by_answer.iter().peekable(), 0);
        for taken in &by_sending {
            while let Some(before) = answered.next_if(|before| before.answered < taken.sent) {
                largest = largest.max(before.token);
            }
            anyhow::ensure!(
                taken.token >= largest,
                "{} accepted a write with token {} after a write with token {largest}",
                taken.by,
                taken.token,
            );
        }
        Ok(())
    }

    /// No two replicas use the same token, neither in the responses nor in the `orders` that the replicas keep.
    pub(crate) fn check_owners(&self, orders: &[(&'static str, u64)]) -> anyhow::Result<usize> {
        let mut owners: BTreeMap<u64, &str> = BTreeMap::new();
        let pages = self.0.borrow();
        let answers = pages.taken.iter().map(|taken| (taken.by, taken.token));
        for (name, token) in answers.chain(orders.iter().copied()) {
            let owner = *owners.entry(token).or_insert(name);
            anyhow::ensure!(
                owner == name,
                "{owner} and {name} both accepted writes with token {token}"
            );
        }
        Ok(owners.len())
    }
}

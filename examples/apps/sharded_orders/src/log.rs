//! The outcome of every order that was sent, and what a change of the nodes cost.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::Context;
use noleader::ShardId;
use tokio::{sync::watch, time};

/// Longer than anything here takes.
const BOUND: Duration = Duration::from_secs(60);

/// What a client knows of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was acknowledged.
    Taken,
    /// It was certainly not executed, and may be sent again.
    Refused,
    /// There was no response, or one that leaves it open.
    Unknown,
}

/// One attempt to send an order.
#[derive(Clone, Debug)]
struct Attempt {
    order: String,
    shard: ShardId,
    outcome: Outcome,
    answered: Instant,
}

/// What a change of the nodes cost.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    /// The longest time without an acknowledged order in a shard that moved.
    pub(crate) longest_gap: Duration,
    pub(crate) refused: usize,
    pub(crate) unknown: usize,
}

/// All attempts, in the order of the responses. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(watch::Sender<Vec<Attempt>>);

impl Log {
    pub(crate) fn record(&self, order: &str, shard: ShardId, outcome: Outcome) {
        let attempt = Attempt {
            order: order.to_owned(),
            shard,
            outcome,
            answered: Instant::now(),
        };
        self.0.send_modify(|attempts| attempts.push(attempt));
    }

    /// Waits until an order was taken in each of these shards.
    pub(crate) async fn taken_in_each(&self, shards: BTreeSet<ShardId>) -> anyhow::Result<()> {
        let (mut attempts, mut waiting) = (self.0.subscribe(), shards);
        let mut seen = attempts.borrow_and_update().len();
        let each = async {
            while !waiting.is_empty() {
                attempts.changed().await?;
                let attempts = attempts.borrow_and_update();
                for attempt in &attempts[seen..] {
                    if attempt.outcome == Outcome::Taken {
                        waiting.remove(&attempt.shard);
                    }
                }
                seen = attempts.len();
            }
            anyhow::Ok(())
        };
        let waited = time::timeout(BOUND, each).await;
        waited.context("timed out waiting for an order in each shard")?
    }

    /// The cost of a change, up to now.
    pub(crate) fn cost(&self, moved: &BTreeSet<ShardId>, began: Instant) -> Cost {
        let attempts = self.0.borrow();
        let count = |outcome| {
            let attempts = attempts.iter();
            let counted = attempts.filter(|a| a.outcome == outcome && a.answered > began);
            counted.count()
        };
        let gaps = moved.iter().filter_map(|shard| {
            let taken = |a: &&Attempt| a.outcome == Outcome::Taken && a.shard == *shard;
            let times: Vec<_> = attempts.iter().filter(taken).map(|a| a.answered).collect();
            let gaps = times.windows(2).filter(|pair| pair[1] > began);
            gaps.map(|pair| pair[1] - pair[0]).max()
        });
        Cost {
            longest_gap: gaps.max().unwrap_or_default(),
            refused: count(Outcome::Refused),
            unknown: count(Outcome::Unknown),
        }
    }

    /// The outcome of each order: that of its last attempt.
    pub(crate) fn outcomes(&self) -> BTreeMap<String, Outcome> {
        let attempts = self.0.borrow();
        let outcomes = attempts.iter().map(|a| (a.order.clone(), a.outcome));
        outcomes.collect()
    }
}

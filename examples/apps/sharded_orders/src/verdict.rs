//! Compares what the clients know with what the files have.

use std::collections::{BTreeMap, BTreeSet};

use noleader::ShardId;

use crate::{
    log::Outcome,
    node::SHARDS,
    storage::{Row, Storage},
};

/// The number of orders with each outcome, and everything that is wrong.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) taken: usize,
    pub(crate) unknown: usize,
    /// Of the unknown ones.
    pub(crate) unknown_written: usize,
    pub(crate) violations: Vec<String>,
}

impl Verdict {
    /// Reads the files. No node may run.
    pub(crate) fn read(
        storage: &Storage,
        outcomes: &BTreeMap<String, Outcome>,
    ) -> anyhow::Result<Self> {
        let (mut times, mut violations) = (BTreeMap::<String, usize>::new(), Vec::new());
        for shard in (0..SHARDS).map(ShardId::new) {
            let orders = storage.orders(shard)?;
            violations.extend(late_writes(shard, &orders));
            for order in orders {
                *times.entry(order.id).or_default() += 1;
            }
        }
        violations.extend(miscounted(outcomes, &times));
        let unknown = outcomes.iter().filter(|(_, o)| **o == Outcome::Unknown);
        let unknown: BTreeSet<_> = unknown.map(|(order, _)| order).collect();
        Ok(Self {
            taken: outcomes.values().filter(|o| **o == Outcome::Taken).count(),
            unknown: unknown.len(),
            unknown_written: unknown.iter().filter(|o| times.contains_key(**o)).count(),
            violations,
        })
    }
}

/// No order is written after one of a later leader.
fn late_writes(shard: ShardId, orders: &[Row]) -> Vec<String> {
    let late = orders
        .windows(2)
        .filter(|pair| pair[1].token < pair[0].token);
    let say = |pair: &[Row]| {
        let [before, order] = [&pair[0], &pair[1]];
        format!(
            "shard {shard}: order {} was written with token {} after one with token {}",
            order.id, order.token, before.token
        )
    };
    late.map(say).collect()
}

/// An acknowledged order is written once, a refused one never, one with an unknown outcome at most once.
fn miscounted(
    outcomes: &BTreeMap<String, Outcome>,
    times: &BTreeMap<String, usize>,
) -> Vec<String> {
    let orders: BTreeSet<_> = outcomes.keys().chain(times.keys()).collect();
    let wrong = |order: &String| {
        let (outcome, times) = (outcomes.get(order), times.get(order).copied().unwrap_or(0));
        let allowed = match outcome {
            Some(Outcome::Taken) => 1..=1,
            Some(Outcome::Unknown) => 0..=1,
            Some(Outcome::Refused) | None => 0..=0,
        };
        let outcome = outcome.map_or("not sent".to_owned(), |o| format!("{o:?}").to_lowercase());
        let is_wrong = !allowed.contains(&times);
        is_wrong.then(|| format!("order {order} was {outcome}, and is written {times} times"))
    };
    orders.into_iter().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict on these orders: the outcome for the client, and the tokens under which it was written.
    fn violations(orders: &[(&str, Outcome, &[u64])]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::new(folder.path());
        for (order, _, tokens) in orders {
            for token in *tokens {
                let shard = ShardId::new(7);
                storage.add(shard, (*token).into(), "ada", order).unwrap();
            }
        }
        let outcomes = orders
            .iter()
            .map(|(order, outcome, _)| ((*order).to_owned(), *outcome));
        Verdict::read(&storage, &outcomes.collect())
            .unwrap()
            .violations
    }

    #[test]
    fn each_outcome_allows_its_number_of_writes() {
        use Outcome::{Refused, Taken, Unknown};
        for (outcome, writes, is_right) in [
            (Taken, 0, false),
            (Taken, 1, true),
            (Taken, 2, false),
            (Unknown, 0, true),
            (Unknown, 1, true),
            (Unknown, 2, false),
            (Refused, 0, true),
            (Refused, 1, false),
        ] {
            let found = violations(&[("a", outcome, &[3, 4][..writes])]);
            assert_eq!(
                found.is_empty(),
                is_right,
                "{outcome:?}, {writes}: {found:?}"
            );
        }
    }

    #[test]
    fn an_order_that_was_not_sent_is_a_violation() {
        let times = BTreeMap::from([("a".to_owned(), 1)]);
        let found = miscounted(&BTreeMap::new(), &times);
        assert_eq!(found, ["order a was not sent, and is written 1 times"]);
    }

    #[test]
    fn a_smaller_token_after_a_larger_one_is_a_violation() {
        let rows = [3, 5, 5, 4].map(|token| Row {
            id: format!("with-{token}"),
            token,
        });
        let found = late_writes(ShardId::new(7), &rows);
        let expected = "shard 7: order with-4 was written with token 4 after one with token 5";
        assert_eq!(found, [expected]);
        assert_eq!(
            late_writes(ShardId::new(7), &rows[..3]),
            <[String; 0]>::default()
        );
    }
}

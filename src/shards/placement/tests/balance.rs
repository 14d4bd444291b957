//! The homes of shards over many numbers of nodes and shards, and weights: their balance, and what changes with a node.

use super::{super::live_nodes::LiveNodes, fixtures::id};
use crate::{clock::Moment, shards::placement::LiveNode};

type Weights = fn(usize) -> u32;

const WEIGHTS: [(&str, Weights); 3] = [
    ("equal", |_| 1),
    ("1, 1, 3", |node| [1, 1, 3][node % 3]),
    ("1 to 4, and 10", |node| [1, 2, 10, 4, 1, 2, 3][node % 7]),
];

const NODES: [usize; 11] = [1, 2, 3, 4, 5, 7, 10, 20, 49, 50, 100];

/// A fleet of its own for each seed.
fn fleet(seed: u32, nodes: usize, weights: Weights) -> Vec<LiveNode> {
    let node = |node| LiveNode {
        id: id(&format!("fleet-{seed}-node-{node}")),
        weight: weights(node),
        since: Moment::default(),
    };
    (0..nodes).map(node).collect()
}

/// The home of each shard, by name, when these nodes have the shards of `before`.
fn homes(nodes: &[LiveNode], before: &[String]) -> Vec<String> {
    let mut live = LiveNodes::new(&id("none"));
    live.set(nodes.to_vec());
    let owners: Vec<_> = before
        .iter()
        .map(|name| (!name.is_empty()).then(|| live.number(&id(name))))
        .collect();
    let homes = live
        .homes(owners.into_iter().map(|owner| (owner, None)))
        .into_iter();
    homes
        .map(|home| live[home.unwrap()].id.to_string())
        .collect()
}

fn unowned(shards: u32) -> Vec<String> {
    vec![String::new(); shards as usize]
}

/// The shards that move from `before` to `after`, less those that `node` has in one of them.
fn extra_moves(before: &[String], after: &[String], node: &str) -> usize {
    let pairs = before.iter().zip(after);
    pairs
        .filter(|(a, b)| a != b && *a != node && *b != node)
        .count()
}

#[test]
fn every_node_has_its_share_within_one_shard() {
    for shards in [1, 10, 16, 100, 256, 1_000] {
        for nodes in NODES {
            for (_, weights) in WEIGHTS {
                let fleet = fleet(1, nodes, weights);
                let homes = homes(&fleet, &unowned(shards));
                let total: u32 = fleet.iter().map(|node| node.weight).sum();
                for node in &fleet {
                    let share = f64::from(shards) * f64::from(node.weight) / f64::from(total);
                    let found = homes
                        .iter()
                        .filter(|home| **home == node.id.as_str())
                        .count();
                    let off = (found as f64 - share).abs();
                    assert!(off < 1.0, "{shards} {nodes}: {found}, not {share}");
                }
            }
        }
    }
}

#[test]
fn the_order_of_the_nodes_does_not_matter() {
    let mut fleet = fleet(2, 9, |node| [1, 1, 3][node % 3]);
    let expected = homes(&fleet, &unowned(500));
    fleet.reverse();
    assert_eq!(homes(&fleet, &unowned(500)), expected);
}

/// The largest numbers of shards that move when a node joins a fleet of `nodes`, and when it leaves again, beyond its own.
fn extra_moves_of_joins(nodes: usize, shards: u32, weights: Weights) -> (usize, usize) {
    let moves = (0..10).map(|seed| {
        let larger = fleet(seed, nodes + 1, weights);
        let (node, smaller) = larger.split_last().unwrap();
        let before = homes(smaller, &unowned(shards));
        let joined = homes(&larger, &before);
        let without: Vec<_> = joined
            .iter()
            .map(|home| if home == node.id.as_str() { "" } else { home })
            .map(str::to_owned)
            .collect();
        let left = homes(smaller, &without);
        let extra = |before, after| extra_moves(before, after, node.id.as_str());
        (extra(&before, &joined), extra(&joined, &left))
    });
    moves.fold((0, 0), |(a, b), (joined, left)| {
        (a.max(joined), b.max(left))
    })
}

#[test]
fn a_join_or_leave_moves_no_others() {
    for shards in [10_u32, 16, 64, 100, 256, 1_000] {
        for nodes in NODES {
            for (name, weights) in WEIGHTS {
                let (joined, left) = extra_moves_of_joins(nodes, shards, weights);
                assert_eq!(
                    (joined, left),
                    (0, 0),
                    "{nodes} nodes, {shards} shards, {name}"
                );
            }
        }
    }
}

/// The homes do not depend on how many of the moves have been made.
#[test]
fn moves_that_were_made_change_no_others() {
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed.into());
        let nodes = rng.usize(2..8);
        let weights = [1, 1, 1, 2, 3, 0];
        let mut fleet = fleet(seed, nodes, |_| 1);
        let shards = rng.u32(1..80);
        let owners: Vec<String> = (0..shards)
            .map(|_| match rng.u8(0..4) {
                0 => String::new(),
                _ => fleet[rng.usize(..nodes)].id.to_string(),
            })
            .collect();
        for node in &mut fleet {
            node.weight = weights[rng.usize(..weights.len())];
        }
        fleet[0].weight = 1;
        let expected = homes(&fleet, &owners);
        let is_made: Vec<bool> = (0..shards).map(|_| rng.bool()).collect();
        let moved: Vec<String> = owners
            .iter()
            .zip(&expected)
            .zip(is_made)
            .map(|((owner, home), is_made)| if is_made { home } else { owner }.clone())
            .collect();
        assert_eq!(homes(&fleet, &moved), expected, "{seed}");
        assert_eq!(homes(&fleet, &expected), expected, "{seed}");
    }
}

#[test]
fn a_node_that_comes_back_gets_its_shards_back() {
    for seed in 0..10 {
        let fleet = fleet(seed, 5, |_| 1);
        let before = homes(&fleet, &unowned(1_000));
        let gone = fleet[2].id.as_str();
        let without: Vec<_> = before
            .iter()
            .map(|home| if home == gone { "" } else { home })
            .map(str::to_owned)
            .collect();
        let others = [&fleet[..2], &fleet[3..]].concat();
        let back = homes(&fleet, &homes(&others, &without));
        let same = before
            .iter()
            .zip(&back)
            .filter(|(a, b)| a == b && *a == gone);
        let same = same.count();
        assert!(same >= 180, "{same}");
    }
}

#[test]
fn a_weight_that_doubles_moves_no_others() {
    let shards = 1_000;
    for nodes in [3, 5, 10, 20, 50] {
        let mut fleet = fleet(3, nodes, |_| 1);
        let before = homes(&fleet, &unowned(shards));
        fleet[0].weight = 2;
        let after = homes(&fleet, &before);
        assert_eq!(extra_moves(&before, &after, fleet[0].id.as_str()), 0);
    }
}

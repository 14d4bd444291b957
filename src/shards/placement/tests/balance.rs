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

/// The home of each shard, by name.
fn homes(nodes: &[LiveNode], shards: u32) -> Vec<String> {
    let live = LiveNodes::new(nodes.to_vec(), &id("none"), &LiveNodes::default());
    let name = |home: Option<u32>| live[home.unwrap()].node.id.to_string();
    live.homes(shards, |_| true).into_iter().map(name).collect()
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
                let homes = homes(&fleet, shards);
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
    let expected = homes(&fleet, 500);
    fleet.reverse();
    assert_eq!(homes(&fleet, 500), expected);
}

/// The means over some fleets, and the largest number: of shards that move when a node joins a fleet of `nodes`, or leaves
/// it again, beyond its own.
fn extra_moves_of_joins(nodes: usize, shards: u32, weights: Weights, fleets: u32) -> (f64, usize) {
    let moves = (0..fleets).map(|seed| {
        let larger = fleet(seed, nodes + 1, weights);
        let (joined, smaller) = larger.split_last().unwrap();
        extra_moves(
            &homes(smaller, shards),
            &homes(&larger, shards),
            joined.id.as_str(),
        )
    });
    let moves: Vec<usize> = moves.collect();
    let mean = moves.iter().sum::<usize>() as f64 / f64::from(fleets);
    (mean, moves.into_iter().max().unwrap())
}

#[test]
fn a_join_or_leave_moves_few_others() {
    for shards in [1_000, 4_000] {
        for nodes in NODES {
            for (name, weights) in WEIGHTS {
                let fleets = if shards > 1_000 { 1 } else { 10 };
                let (mean, max) = extra_moves_of_joins(nodes, shards, weights, fleets);
                let bound = shards as usize / 20;
                assert!(
                    max <= bound,
                    "{nodes} nodes, {shards} shards, {name}: {mean} {max}"
                );
            }
        }
    }
}

#[test]
fn a_join_or_leave_moves_few_of_few_shards() {
    // The sums of random numbers differ by about the root of their number.
    for shards in [10_u32, 16, 64, 100, 256, 512] {
        for nodes in NODES {
            for (name, weights) in WEIGHTS {
                let (mean, max) = extra_moves_of_joins(nodes, shards, weights, 20);
                let root = f64::from(shards).sqrt();
                assert!(
                    mean <= 1.3 * root,
                    "{nodes} nodes, {shards} shards, {name}: {mean}"
                );
                assert!(
                    max as f64 <= 2.0 * root,
                    "{nodes} nodes, {shards} shards, {name}: {max}"
                );
            }
        }
    }
}

#[test]
fn a_weight_that_doubles_moves_few_others() {
    let shards = 1_000;
    for nodes in [3, 5, 10, 20, 50] {
        let before = fleet(3, nodes, |_| 1);
        let mut after = before.clone();
        after[0].weight = 2;
        let extra = extra_moves(
            &homes(&before, shards),
            &homes(&after, shards),
            after[0].id.as_str(),
        );
        assert!(extra <= shards as usize / 20, "{nodes} nodes: {extra}");
    }
}

//! The home of each shard: rendezvous hashing in which no node gets more than its quota.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::rendezvous::{Distance, Place, Site};

/// The node of each shard, as an index of `nodes`. None if the quotas leave no room for it.
///
/// The nearest pair of a shard and a node with room comes first. This is the only stable matching, in which no shard and
/// no node would rather have each other than what they have. Few of them change with a node: see the tests.
pub(super) fn assign(nodes: &[(Site, u32)], shards: u32) -> Vec<Option<u32>> {
    let mut room: Vec<u32> = nodes.iter().map(|(_, quota)| *quota).collect();
    let mut open: Vec<u32> = (0..)
        .zip(nodes)
        .filter(|(_, node)| node.1 > 0)
        .map(|(node, _)| node)
        .collect();
    let nearest = |open: &[u32], shard: u32| {
        let place = Place::of_shard(shard);
        let distance = |node: u32| nodes[node as usize].0.distance(place);
        let pairs = open.iter().map(|node| (distance(*node), shard, *node));
        pairs.min().map(Reverse)
    };
    let mut homes = vec![None; shards as usize];
    let mut pairs: BinaryHeap<Reverse<(Distance, u32, u32)>> = (0..shards)
        .filter_map(|shard| nearest(&open, shard))
        .collect();
    while let Some(Reverse((_, shard, node))) = pairs.pop() {
        let room = &mut room[node as usize];
        if *room == 0 {
            pairs.extend(nearest(&open, shard));
            continue;
        }
        homes[shard as usize] = Some(node);
        *room -= 1;
        if *room == 0 {
            open.retain(|other| *other != node);
        }
    }
    homes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::NodeId;

    fn site(name: &str) -> Site {
        Site::new(&NodeId::parse(name).unwrap(), 1)
    }

    #[test]
    fn homes_never_change() {
        // Other homes would let two versions of this crate move shards to and fro.
        let nodes = [(site("a"), 3), (site("b"), 3), (site("c"), 4)];
        let homes: Vec<u32> = assign(&nodes, 10).into_iter().map(Option::unwrap).collect();
        assert_eq!(homes, [0, 2, 1, 0, 2, 2, 2, 0, 1, 1]);
    }

    #[test]
    fn no_shard_and_node_would_rather_have_each_other() {
        let nodes = ["a", "b", "c", "d"].map(|name| (site(name), 25));
        let homes: Vec<usize> = assign(&nodes, 100)
            .into_iter()
            .map(|home| home.unwrap() as usize)
            .collect();
        let distance = |node: usize, shard: u32| nodes[node].0.distance(Place::of_shard(shard));
        for (shard, home) in (0..).zip(&homes) {
            let envied =
                (0..nodes.len()).filter(|node| distance(*node, shard) < distance(*home, shard));
            for node in envied {
                let mut others = (0..).zip(&homes).filter(|(_, home)| **home == node);
                assert!(others.all(|(other, _)| distance(node, other) < distance(node, shard)));
            }
        }
    }

    #[test]
    fn shards_beyond_the_quotas_have_no_home() {
        let homes = assign(&[(site("a"), 2), (site("b"), 0)], 3);
        assert_eq!(homes.iter().filter(|home| **home == Some(0)).count(), 2);
        assert_eq!(homes.iter().filter(|home| home.is_none()).count(), 1);
        assert_eq!(assign(&[], 2), [None, None]);
    }
}

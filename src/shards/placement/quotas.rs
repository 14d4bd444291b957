//! How many shards each node gets.

use std::cmp::Reverse;

/// The number of shards of each node: its share by weight, rounded down or up, so that the sum is `shards`. Nodes
/// that own more than their share rounded down are rounded up first, then those with the largest remainder; ties go to
/// the first.
///
/// All are 0 if no node has a weight.
pub(super) fn quotas(weights: &[u32], owned: &[u32], shards: u32) -> Vec<u32> {
    let total: u64 = weights.iter().copied().map(u64::from).sum();
    if total == 0 {
        return vec![0; weights.len()];
    }
    let shares = weights
        .iter()
        .map(|weight| u64::from(shards) * u64::from(*weight));
    // Not larger than `shards`.
    let rounded_down = shares
        .clone()
        .map(|share| u32::try_from(share / total).unwrap_or(shards));
    let mut quotas: Vec<u32> = rounded_down.collect();
    let mut rounded: Vec<_> = shares
        .map(|share| share % total)
        .zip(0..)
        // More of these than are to be rounded up.
        .filter(|(remainder, _)| *remainder > 0)
        .map(|(remainder, node): (_, usize)| {
            (owned[node] <= quotas[node], Reverse(remainder), node)
        })
        .collect();
    rounded.sort_unstable();
    let left = shards - quotas.iter().sum::<u32>();
    for (_, _, node) in rounded.into_iter().take(left as usize) {
        let quota: &mut u32 = &mut quotas[node];
        *quota += 1;
    }
    quotas
}

#[cfg(test)]
mod tests {
    fn quotas(weights: &[u32], shards: u32) -> Vec<u32> {
        super::quotas(weights, &vec![0; weights.len()], shards)
    }

    #[test]
    fn remainders_go_to_the_largest_and_then_the_first() {
        assert_eq!(quotas(&[1; 7], 10), [2, 2, 2, 1, 1, 1, 1]);
        assert_eq!(quotas(&[1, 1, 3], 10), [2, 2, 6]);
        assert_eq!(quotas(&[1, 1, 3], 1_001), [200, 200, 601]);
        assert_eq!(quotas(&[3, 1, 1], 8), [5, 2, 1]);
        assert_eq!(quotas(&[1; 5], 3), [1, 1, 1, 0, 0]);
    }

    #[test]
    fn who_has_more_keeps_it() {
        assert_eq!(super::quotas(&[1; 4], &[1, 3, 1, 2], 6), [1, 2, 1, 2]);
        assert_eq!(super::quotas(&[1; 3], &[3, 3, 4], 10), [3, 3, 4]);
        // A share without a remainder is exact.
        assert_eq!(super::quotas(&[2, 1, 1], &[6, 3, 3], 10), [5, 3, 2]);
    }

    #[test]
    fn a_node_without_weight_gets_nothing() {
        assert_eq!(quotas(&[0, 1, 0], 10), [0, 10, 0]);
        assert_eq!(quotas(&[0, 0], 10), [0, 0]);
        assert_eq!(quotas(&[], 10), [0; 0]);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let most = u32::MAX;
        assert_eq!(quotas(&[most, most], most), [most / 2 + 1, most / 2]);
        assert_eq!(quotas(&[most, 1], 10), [10, 0]);
    }
}

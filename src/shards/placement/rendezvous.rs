//! Rendezvous hashing: how near a node is to a shard.
//!
//! The distance is exponentially distributed, and divided by the node's weight. So the nearest of the nodes is each of
//! them with a probability that is its share of the weights, and a node that joins or leaves does not change the order
//! of the others. It is computed with integers, because logarithms of floating-point numbers differ between systems.

use twox_hash::XxHash64;

use crate::names::NodeId;

/// How far a node is from a shard. The smallest distance is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Distance(u64);

/// A shard, or a node that may be fenced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(u64);

/// A node, from which distances are measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    hash: u64,
    /// The reciprocal of its weight.
    unit: u64,
}

impl From<Distance> for i128 {
    fn from(distance: Distance) -> Self {
        distance.0.into()
    }
}

impl Place {
    pub(super) fn of_shard(shard: u32) -> Self {
        Self(mix(u64::from(shard)))
    }

    pub(super) fn of_node(id: &NodeId) -> Self {
        Self(mix(hash(id)))
    }
}

impl Site {
    /// A node with a weight that is not 0.
    pub(super) fn new(id: &NodeId, weight: u32) -> Self {
        Self {
            hash: hash(id),
            unit: (1 << 31) / u64::from(weight.max(1)),
        }
    }

    pub(super) fn distance(self, place: Place) -> Distance {
        // At most 2^32 times at most 2^31.
        Distance(exponential(mix(self.hash ^ place.0)) * self.unit)
    }
}

fn hash(id: &NodeId) -> u64 {
    XxHash64::oneshot(0, id.as_str().as_bytes())
}

/// The finalizer of the generator SplitMix64, a bijection.
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `-log2(hash / 2^64)` with 26 binary digits after the point: for a random hash, a sample of an exponential distribution.
fn exponential(hash: u64) -> u64 {
    const DIGITS: u32 = 30;
    const ONE: u64 = 1 << DIGITS;
    /// The slopes of the logarithm at 1 and 2 are those of this cubic: 1 / ln 2, and half of it.
    const BEND: u64 = 475_340_181;
    const SKEW: u64 = 176_139_359;
    let hash = hash | 1;
    let zeros = hash.leading_zeros();
    // hash = 2^(63 - zeros) * (1 + x)
    let x = (hash << zeros << 1) >> (64 - DIGITS);
    let bend = BEND - ((SKEW * x) >> DIGITS);
    let logarithm = x + ((((x * (ONE - x)) >> DIGITS) * bend) >> DIGITS);
    (u64::from(zeros) << 26) + ((ONE - logarithm.min(ONE)) >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> NodeId {
        NodeId::parse(name).unwrap()
    }

    #[test]
    fn distances_never_change() {
        // Other values would let two versions of this crate move shards to and fro.
        let near = |name, weight, shard| {
            Site::new(&id(name), weight)
                .distance(Place::of_shard(shard))
                .0
        };
        assert_eq!(
            [
                near("node-7", 1, 0),
                near("node-7", 3, 0),
                near("node-7", 1, 65_535),
                near("ä", 1, 9)
            ],
            [
                206_148_019_207_274_496,
                68_716_006_338_428_064,
                722_830_701_572_915_200,
                28_293_730_570_076_160,
            ]
        );
        let of_node = Site::new(&id("node-7"), 1).distance(Place::of_node(&id("node-8")));
        assert_eq!(of_node.0, 25_724_878_418_083_840);
    }

    #[test]
    fn exponential_is_close_to_the_logarithm() {
        let samples =
            (0..64).flat_map(|bits| [1 << bits, 3 << bits >> 1, 7 << bits >> 2, u64::MAX >> bits]);
        for hash in samples {
            let exact = 64.0 - ((hash | 1) as f64).log2();
            let found = exponential(hash) as f64 / f64::from(1 << 26);
            assert!((exact - found).abs() < 0.006, "{hash}: {exact} {found}");
        }
        assert!(exponential(0) <= 1 << 32);
        // Where distances are small, they are exact.
        let small = u64::MAX - (1 << 50);
        let exact = 64.0 - (small as f64).log2();
        let found = exponential(small) as f64 / f64::from(1 << 26);
        assert!((found / exact - 1.0).abs() < 0.001, "{exact} {found}");
    }

    #[test]
    fn the_nearest_node_is_drawn_by_weight() {
        let sites =
            [("a", 1), ("b", 2), ("c", 5)].map(|(name, weight)| Site::new(&id(name), weight));
        let mut nearest = [0.0; 3];
        let shards = 80_000;
        for shard in 0..shards {
            let place = Place::of_shard(shard);
            let best = (0..3)
                .min_by_key(|node| sites[*node].distance(place))
                .unwrap();
            nearest[best] += 8.0 / f64::from(shards);
        }
        for (found, weight) in nearest.into_iter().zip([1.0, 2.0, 5.0]) {
            assert!((found / weight - 1.0_f64).abs() < 0.03, "{nearest:?}");
        }
    }
}

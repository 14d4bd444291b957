//! Every choice of a run, from a seed or from bytes.

use std::ops::{Bound, RangeBounds};

/// The seed of the choices that follow the last byte.
const TAIL: u64 = 0;

/// A source of choices. With bytes, as from a fuzzer, each choice takes one byte. If it has more than 256 values, a fixed
/// seed refines it. After the last byte, that seed makes all choices.
pub(crate) struct Choices {
    bytes: Vec<u8>,
    /// The number of bytes that were used.
    used: usize,
    rng: fastrand::Rng,
}

impl Choices {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self {
            bytes: Vec::new(),
            used: 0,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            ..Self::from_seed(TAIL)
        }
    }

    pub(crate) fn u64(&mut self, range: impl RangeBounds<u64>) -> u64 {
        let first = match range.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let last = match range.end_bound() {
            Bound::Included(last) => *last,
            Bound::Excluded(after) => after.saturating_sub(1),
            Bound::Unbounded => u64::MAX,
        };
        first + self.up_to(last.saturating_sub(first))
    }

    pub(crate) fn usize(&mut self, range: impl RangeBounds<usize>) -> usize {
        let bound = |bound: Bound<&usize>| bound.map(|at| *at as u64);
        let range = (bound(range.start_bound()), bound(range.end_bound()));
        usize::try_from(self.u64(range)).unwrap_or(usize::MAX)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.up_to(n.saturating_sub(1))
    }

    /// True once in `n` times, on average.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// The seed of another generator. It takes no bytes, because a fuzzer learns nothing from the bits of a seed.
    pub(crate) fn seed(&mut self) -> u64 {
        self.rng.u64(..)
    }

    /// True if the fuzzer has no more bytes.
    pub(crate) fn are_used_up(&self) -> bool {
        self.used > 0 && self.used == self.bytes.len()
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.up_to(1) == 1
    }

    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, among: [T; N]) -> T {
        among[self.usize(0..N)]
    }

    fn up_to(&mut self, last: u64) -> u64 {
        let Some(byte) = self.bytes.get(self.used) else {
            return self.rng.u64(0..=last);
        };
        self.used += usize::from(last > 0);
        let byte = u64::from(*byte);
        let step = last / 256;
        if step == 0 {
            return byte % (last + 1);
        }
        // The last step also covers what the division leaves over.
        step * byte + self.rng.u64(0..=step + last % 256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_stay_in_their_range() {
        let bytes: Vec<u8> = (0..=255).collect();
        for mut choices in [Choices::from_seed(1), Choices::from_bytes(&bytes)] {
            for n in 1..500 {
                assert!(choices.below(n) < n);
                assert!((n..=2 * n).contains(&choices.u64(n..=2 * n)));
            }
            assert_eq!((choices.u64(7..8), choices.below(0)), (7, 0));
        }
    }

    #[test]
    fn a_choice_takes_one_byte() {
        let mut choices = Choices::from_bytes(&[7, 1, 255, 200]);
        assert_eq!((choices.below(1), choices.below(256)), (0, 7));
        assert!((1_000..2_000).contains(&choices.below(256_000)));
        assert!(choices.u64(..) >= u64::MAX - u64::MAX / 256);
        assert!(!choices.are_used_up());
        assert_eq!(choices.below(100), 0);
        assert!(choices.are_used_up());
    }
}

//! Every choice of a run, from a seed or from bytes.

use std::ops::{Bound, RangeBounds};

/// The seed of the choices that follow the last byte.
const TAIL: u64 = 0;

/// A source of choices. With bytes, as from a fuzzer, each choice takes the fewest bytes that it needs. Once they
/// are used up, the choices follow from a fixed seed.
pub(crate) struct Choices {
    bytes: Vec<u8>,
    /// The number of bytes that were used.
    used: usize,
    rng: fastrand::Rng,
    has_bytes: bool,
}

impl Choices {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self {
            bytes: Vec::new(),
            used: 0,
            rng: fastrand::Rng::with_seed(seed),
            has_bytes: false,
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(), has_bytes: true,
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
        if v('E') && self.used < self.bytes.len() {
            return self.below(n) == n - 1;
        }
        self.below(n) == 0
    }

    pub(crate) fn percent(&mut self, n: u64) -> bool {
        if v('E') && self.used < self.bytes.len() {
            return self.below(100) >= 100 - n;
        }
        self.below(100) < n
    }

    pub(crate) fn are_used_up(&self) -> bool {
        v('B') && self.has_bytes && self.used >= self.bytes.len()
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.up_to(1) == 1
    }

    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, among: [T; N]) -> T {
        among[self.usize(0..N)]
    }

    fn up_to(&mut self, last: u64) -> u64 {
        if self.used >= self.bytes.len() {
            return self.rng.u64(0..=last);
        }
        if v('D') && last > 255 {
            let byte = self.bytes[self.used];
            self.used += 1;
            let step = last / 256;
            return (step * u64::from(byte)).saturating_add(self.rng.u64(0..=step + last % 256)).min(last);
        }
        if v('C') && last > 255 {
            return self.rng.u64(0..=last);
        }
        let needed = (8 - last.leading_zeros() as usize / 8).max(1);
        let end = (self.used + needed).min(self.bytes.len());
        let number = self.bytes[self.used..end]
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        self.used = end;
        match last.checked_add(1) {
            Some(n) => number % n,
            None => number,
        }
    }
}

pub(crate) fn v(c: char) -> bool {
    static V: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    V.get_or_init(|| std::env::var("V").unwrap_or_default()).contains(c)
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
    fn a_small_choice_takes_one_byte() {
        let mut choices = Choices::from_bytes(&[7, 1, 2, 200]);
        assert_eq!(choices.below(256), 7);
        assert_eq!(choices.below(65_536), 0x102);
        assert_eq!(choices.below(100), 0);
        assert_eq!(choices.below(1), 0, "after the last byte");
    }
}

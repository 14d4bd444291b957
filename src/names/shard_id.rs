use std::{fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash64;

/// The number of a shard, from 0. It is shown, and serialized, as the plain number.
///
/// A key belongs to the shard `XXH64(key) % shards`: the hash has the seed 0, is taken of the bytes of the key, and is
/// an unsigned number of 64 bits. Clients in other languages that follow this rule agree with this crate. These are
/// examples to test them with:
///
/// | key (UTF-8) | XXH64 | of 10 | of 256 | of 1,000 | of 65,536 |
/// |---|---|---|---|---|---|
/// | (empty) | `ef46db3751d8e999` | 1 | 153 | 921 | 59,801 |
/// | `a` | `d24ec4f1a98c6e5b` | 5 | 91 | 955 | 28,251 |
/// | `customer-17` | `af7b0d3fa9d4e7a6` | 2 | 166 | 662 | 59,302 |
/// | `customer-18` | `e10c5263e3e82932` | 8 | 50 | 338 | 10,546 |
/// | `Zürich` | `85f1debcbb1a8279` | 3 | 121 | 233 | 33,401 |
/// | `0123456789abcdef0123456789abcdef-42` | `8cd7f765b0a68af3` | 1 | 243 | 211 | 35,571 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardId(u32);

impl ShardId {
    /// The shard with this number. Each number is accepted; one that is not smaller than the number of shards is no shard,
    /// and no node leads it.
    ///
    /// ```
    /// assert_eq!(noleader::ShardId::new(7).to_string(), "7");
    /// ```
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The shard, out of `shards`, to which a key belongs. [`Shards::of`](crate::Shards::of) is the same without the
    /// number.
    ///
    /// ```
    /// # fn main() -> Result<(), std::num::TryFromIntError> {
    /// use noleader::ShardId;
    ///
    /// assert_eq!(ShardId::of_key(b"customer-17", 256.try_into()?), ShardId::new(166));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn of_key(key: &[u8], shards: NonZeroU32) -> Self {
        let remainder = XxHash64::oneshot(0, key) % u64::from(shards.get());
        // Smaller than `shards`.
        Self(u32::try_from(remainder).unwrap_or(0))
    }

    /// The number of the shard, from 0.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The input of xxHash's own test vectors.
    fn sanity_buffer(len: usize) -> Vec<u8> {
        let mut state = 2_654_435_761_u64;
        let mut next = || {
            let byte = state.to_be_bytes()[0];
            state = state.wrapping_mul(11_400_714_785_074_694_797);
            byte
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn the_hash_is_xxh64() {
        // From `tests/sanity_test_vectors.h` of xxHash, with the seed 0. The lengths reach each path of the algorithm.
        let vectors = [
            (0, 0xef46_db37_51d8_e999),
            (1, 0xe934_a84a_db05_2768),
            (4, 0x9136_a0dc_a574_57ee),
            (8, 0xcdbc_f538_e71d_1348),
            (14, 0x8282_dcc4_994e_35c8),
            (31, 0x299b_39a2_90e6_d783),
            (32, 0x18b2_1649_2bb4_4b70),
            (33, 0x55c8_dc3e_578f_5b59),
            (222, 0xb641_ae8c_b691_c174),
        ];
        for (len, hash) in vectors {
            assert_eq!(XxHash64::oneshot(0, &sanity_buffer(len)), hash, "{len}");
        }
    }

    #[test]
    fn keys_belong_to_the_documented_shards() {
        let vectors: [(&str, [u32; 4]); 6] = [
            ("", [1, 153, 921, 59_801]),
            ("a", [5, 91, 955, 28_251]),
            ("customer-17", [2, 166, 662, 59_302]),
            ("customer-18", [8, 50, 338, 10_546]),
            ("Zürich", [3, 121, 233, 33_401]),
            ("0123456789abcdef0123456789abcdef-42", [1, 243, 211, 35_571]),
        ];
        for (key, expected) in vectors {
            let of = |shards| ShardId::of_key(key.as_bytes(), NonZeroU32::new(shards).unwrap());
            let found = [10, 256, 1_000, 65_536].map(|shards| of(shards).index());
            assert_eq!(found, expected, "{key}");
            assert_eq!(of(1), ShardId::new(0));
        }
        // Keys need not be text, and the shards may be as many as a number of 32 bits allows.
        let of = |key: &[u8], shards| ShardId::of_key(key, NonZeroU32::new(shards).unwrap());
        assert_eq!(of(&[0, 255], 1_000).index(), 981);
        assert_eq!(of(b"a", u32::MAX).index(), 2_077_963_085);
    }

    #[test]
    fn text_and_json_are_the_number() {
        let shard = ShardId::new(7);
        assert_eq!(shard.to_string(), "7");
        assert_eq!(serde_json::to_string(&shard).unwrap(), "7");
        assert_eq!(serde_json::from_str::<ShardId>("7").unwrap(), shard);
    }
}

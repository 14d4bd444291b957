use std::{borrow::Cow, io::Write, num::NonZeroU32};

use super::shard_id::ShardId;

/// What decides on the shard of a request: a [`ShardId`], a key, or an `Option` of one.
///
/// A key is a text or an integer. [`ShardId`] describes how the bytes of a key decide on its shard. The bytes of an
/// integer are its decimal digits, so that `17` and `"17"` are the same key.
pub trait ShardKey {
    /// The shard, out of `shards`, or none if there is no key.
    #[doc(hidden)]
    fn shard(self, shards: NonZeroU32) -> Option<ShardId>;
}

impl ShardKey for ShardId {
    #[inline]
    fn shard(self, _: NonZeroU32) -> Option<ShardId> {
        Some(self)
    }
}

impl ShardKey for &str {
    #[inline]
    fn shard(self, shards: NonZeroU32) -> Option<ShardId> {
        Some(ShardId::of_key(self.as_bytes(), shards))
    }
}

impl ShardKey for String {
    #[inline]
    fn shard(self, shards: NonZeroU32) -> Option<ShardId> {
        self.as_str().shard(shards)
    }
}

impl ShardKey for Cow<'_, str> {
    #[inline]
    fn shard(self, shards: NonZeroU32) -> Option<ShardId> {
        (&*self).shard(shards)
    }
}

impl<K: ShardKey> ShardKey for Option<K> {
    #[inline]
    fn shard(self, shards: NonZeroU32) -> Option<ShardId> {
        self?.shard(shards)
    }
}

/// The longest integer: the digits of 2^127, and a sign.
const DIGITS: usize = 40;

macro_rules! integer_keys {
    ($($integer:ty)*) => {$(
        impl ShardKey for $integer {
            fn shard(self, shards: NonZeroU32) -> Option<ShardId> {
                let mut digits = [0; DIGITS];
                let mut rest = &mut digits[..];
                // Cannot fail, because every integer fits.
                let _ = write!(rest, "{self}");
                let len = DIGITS - rest.len();
                Some(ShardId::of_key(&digits[..len], shards))
            }
        }
    )*};
}

integer_keys!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

//! What the candidates lead: one election, or shards.

use std::num::NonZeroU32;

use noleader::ShardId;
use serde::{Deserialize, Serialize};

/// A deliberate violation of the documented assumptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Risk {
    None,
    /// Treat an absent key as released.
    TrustAbsentKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// One election, which counts as a single shard with the number 0.
    Election(Risk),
    Shards,
}

const SHARDS: u32 = 64;

impl Kind {
    /// The name of the runs, as a label and for files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Election(_) => "election",
            Self::Shards => "shards",
        }
    }

    pub(crate) fn shards(self) -> NonZeroU32 {
        let shards = match self {
            Self::Election(_) => 1,
            Self::Shards => SHARDS,
        };
        NonZeroU32::new(shards).unwrap()
    }

    /// For each shard, a key that belongs to it.
    pub(crate) fn keys(self) -> Vec<String> {
        let mut keys = vec![None; self.shards().get() as usize];
        for number in 0_u32.. {
            if keys.iter().all(Option::is_some) {
                break;
            }
            let key = format!("k{number}");
            let shard = ShardId::of_key(key.as_bytes(), self.shards());
            keys[shard.index() as usize].get_or_insert(key);
        }
        keys.into_iter().flatten().collect()
    }
}

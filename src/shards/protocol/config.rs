//! The record `cfg`.

use serde::{Deserialize, Serialize};

use super::versioned;
use crate::lease::{self, Garbage};

/// What all nodes must agree on. Another number of shards or another lease needs another bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The number of shards.
    pub shards: u32,
    /// The lease of every session, in milliseconds.
    pub lease_ms: u64,
    /// The function that assigns keys to shards.
    pub hash: Hash,
}

/// A function that assigns keys to shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// XXH64 with seed 0 of the key's bytes, modulo the number of shards.
    Xxh64,
}

impl Config {
    /// The content of the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        versioned::encode(self)
    }

    /// Parses the content of the key.
    ///
    /// # Errors
    ///
    /// [`Garbage`] if the bytes are not a record of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, Garbage> {
        if versioned::is_later(bytes)? {
            return Err(Garbage::new("a later version"));
        }
        lease::parse(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_version_is_read() {
        let config = Config {
            shards: 256,
            lease_ms: 15_000,
            hash: Hash::Xxh64,
        };
        let text = String::from_utf8(config.encode()).unwrap();
        assert_eq!(
            text,
            r#"{"v":1,"shards":256,"lease_ms":15000,"hash":"xxh64"}"#
        );
        let decode = |text: &str| Config::decode(text.as_bytes());
        assert_eq!(decode(&text), Ok(config));
        assert!(decode(&text.replace(r#""v":1"#, r#""v":2"#)).is_err());
        assert!(decode(&text.replace("xxh64", "crc32")).is_err());
    }
}

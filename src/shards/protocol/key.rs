//! The keys of the bucket.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::names::NodeId;

/// A key of the bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `cfg`: what all nodes must agree on.
    Config,
    /// `s.<node>`: the session of a node.
    Session(NodeId),
    /// `o.<shard>`: the owner of a shard.
    Shard(u32),
}

impl Key {
    /// Parses a key, or returns none if it is no key of the protocol. Each key has exactly one text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let key = match text.split_once('.') {
            None if text == "cfg" => Self::Config,
            Some(("s", id)) => {
                let id = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
                Self::Session(NodeId::parse(id).ok()?)
            }
            Some(("o", shard)) => Self::Shard(shard.parse().ok()?),
            _ => return None,
        };
        (key.to_string() == text).then_some(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("cfg"),
            Self::Session(id) => write!(f, "s.{}", URL_SAFE_NO_PAD.encode(id.as_str())),
            Self::Shard(shard) => write!(f, "o.{shard}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_survives_a_round_trip() {
        let node = |id: &str| Key::Session(NodeId::parse(id).unwrap());
        for (key, text) in [
            (Key::Config, "cfg"),
            (Key::Shard(0), "o.0"),
            (Key::Shard(u32::MAX), "o.4294967295"),
            (node("node-7"), "s.bm9kZS03"),
            (node("Knoten ä.>*"), "s.S25vdGVuIMOkLj4q"),
        ] {
            assert_eq!(key.to_string(), text);
            assert_eq!(Key::parse(text), Some(key));
        }
    }

    #[test]
    fn other_text_is_no_key() {
        for text in [
            "",
            "cfg.",
            "cfg.a",
            "o.",
            "o.01",
            "o.+1",
            "o.4294967296",
            "o.1.2",
            "s.",
            "s.bm9kZS03=",
            "s.b",
            "s.bm9kZS03.x",
            "x.1",
        ] {
            assert_eq!(Key::parse(text), None, "{text:?}");
        }
    }
}

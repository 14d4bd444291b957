//! The records `s.<node>`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::versioned;
use crate::{
    lease::{self, Garbage, WriteId},
    names::{Address, NodeId},
};

/// The nonce of a session: the id of the write that began it, which comes from the operating system. It is new for each
/// session, also in a copy of a process's image, and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SessionId(WriteId);

impl SessionId {
    /// The session that the write `id` begins.
    #[must_use]
    pub const fn begun_by(id: WriteId) -> Self {
        Self(id)
    }
}

/// An invalid nonce makes the record garbage, because every other record of the session would be unknown, too.
impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = lease::write_id(deserializer)?;
        id.map(Self)
            .ok_or_else(|| serde::de::Error::custom("invalid session"))
    }
}

/// The content of `s.<node>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum SessionRecord {
    /// The node holds a session, which it renews.
    Alive(Alive),
    /// A tombstone: the session that the record replaced can never be renewed again.
    Dead {
        /// The node that fenced it.
        by: NodeId,
    },
    /// A mark over absence, which grants nothing.
    Unknown,
    /// The node ended its session itself, with nothing inside.
    Left,
    /// A record of a later version: a session, unless it names none, that counts for the lease it names.
    #[serde(skip)]
    Later(Later),
}

/// A session that is renewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// Its nonce.
    pub session: SessionId,
    /// The address that the node publishes. An invalid address is ignored.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lease::address"
    )]
    pub address: Option<Address>,
    pub(super) lease_ms: u64,
    /// The node's part of the shards, compared with the weights of the others.
    pub weight: u32,
    /// The number of renewals.
    pub renewal: u64,
    /// The instance lock that the process holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The id of this write, by which a process recognizes its own record. An invalid id is none: no process then does.
    #[serde(
        rename = "write",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lease::write_id"
    )]
    pub write_id: Option<WriteId>,
}

/// The part of a record that keeps its meaning in every later version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Later {
    #[serde(default)]
    pub(super) session: Option<SessionId>,
    pub(super) lease_ms: u64,
}

impl SessionRecord {
    /// The content of the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        versioned::encode(self)
    }

    /// Parses the content of the key.
    ///
    /// # Errors
    ///
    /// [`Garbage`] if the bytes are not a record of this or a later version, or if its lease is out of range.
    pub fn decode(bytes: &[u8]) -> Result<Self, Garbage> {
        let record = if versioned::is_later(bytes)? {
            Self::Later(lease::parse(bytes)?)
        } else {
            lease::parse(bytes)?
        };
        if let Some((_, lease_ms)) = record.granted() {
            lease::check_lease(lease_ms)?;
        }
        Ok(record)
    }

    fn granted(&self) -> Option<(Option<SessionId>, u64)> {
        match self {
            Self::Alive(alive) => Some((Some(alive.session), alive.lease_ms)),
            Self::Later(later) => Some((later.session, later.lease_ms)),
            Self::Dead { .. } | Self::Unknown | Self::Left => None,
        }
    }

    /// The lease that the record grants, if it grants one.
    #[must_use]
    pub fn lease(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.granted()?.1))
    }

    /// The session that the record keeps alive, if it names one.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.granted()?.0
    }

    /// The id of the write, in a record of a session.
    pub(super) fn write_id(&self) -> Option<WriteId> {
        match self {
            Self::Alive(alive) => alive.write_id,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: SessionId = SessionId::begun_by(WriteId::from_bits(0xab));

    fn alive() -> Alive {
        Alive {
            session: NONCE,
            address: Address::parse("http://10.0.0.7:8080").ok(),
            lease_ms: 15_000,
            weight: 2,
            renewal: 3,
            lock: None,
            write_id: Some(WriteId::from_bits(0xcd)),
        }
    }

    fn dead() -> SessionRecord {
        let by = NodeId::parse("node-2").unwrap();
        SessionRecord::Dead { by }
    }

    #[test]
    fn encodes_as_readable_json() {
        let text = |record: &SessionRecord| String::from_utf8(record.encode()).unwrap();
        assert_eq!(
            text(&SessionRecord::Alive(alive())),
            r#"{"v":1,"state":"alive","session":"000000000000000000000000000000ab","address":"http://10.0.0.7:8080","lease_ms":15000,"weight":2,"renewal":3,"write":"000000000000000000000000000000cd"}"#
        );
        assert_eq!(text(&dead()), r#"{"v":1,"state":"dead","by":"node-2"}"#);
        assert_eq!(
            text(&SessionRecord::Unknown),
            r#"{"v":1,"state":"unknown"}"#
        );
        assert_eq!(text(&SessionRecord::Left), r#"{"v":1,"state":"left"}"#);
    }

    #[test]
    fn survives_a_round_trip() {
        let plain = Alive {
            address: None,
            lock: Some("lock".to_owned()),
            write_id: None,
            ..alive()
        };
        for record in [
            SessionRecord::Alive(alive()),
            SessionRecord::Alive(plain),
            dead(),
            SessionRecord::Unknown,
            SessionRecord::Left,
        ] {
            assert_eq!(SessionRecord::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn optional_parts_that_are_invalid_are_none() {
        let text = String::from_utf8(SessionRecord::Alive(alive()).encode()).unwrap();
        let text = text
            .replace("10.0.0.7", "u:p@h")
            .replace("00cd", "00xy")
            .replace(r#""weight""#, r#""more":[1],"weight""#);
        let plain = Alive {
            address: None,
            write_id: None,
            ..alive()
        };
        assert_eq!(
            SessionRecord::decode(text.as_bytes()),
            Ok(SessionRecord::Alive(plain))
        );
    }

    #[test]
    fn a_later_version_is_read_for_its_lease_and_its_session() {
        let decode = |text: &str| SessionRecord::decode(text.as_bytes());
        let named = decode(
            r#"{"v":2,"state":7,"lease_ms":1000,"session":"000000000000000000000000000000ab"}"#,
        );
        let named = named.unwrap();
        assert_eq!(named.lease(), Some(Duration::from_secs(1)));
        assert_eq!(named.session(), Some(NONCE));
        assert_eq!(
            decode(r#"{"v":2,"lease_ms":1000}"#).unwrap().session(),
            None
        );
        assert!(decode(r#"{"v":2,"lease_ms":199}"#).is_err());
        assert!(decode(r#"{"v":2}"#).is_err());
    }

    #[test]
    fn decode_rejects_garbage() {
        let good = String::from_utf8(SessionRecord::Alive(alive()).encode()).unwrap();
        let error = |text: &str| SessionRecord::decode(text.as_bytes()).unwrap_err();
        for (bad, why) in [
            (good.replace("15000", "199"), "lease out of range: 199 ms"),
            (good.replace("15000", "86400001"), "lease out of range"),
            (good.replace("00ab", "00xy"), "invalid session"),
            (good.replace("alive", "asleep"), "unknown variant"),
            (
                good.replace(r#""v":1"#, r#""v":0"#),
                "unsupported version 0",
            ),
            (" ".repeat(8193), "too long: 8193 bytes"),
            (r#"{"v":1,"state":"dead","by":""}"#.to_owned(), "id"),
            (String::new(), "EOF"),
        ] {
            let found = error(&bad).to_string();
            assert!(found.contains(why), "{bad}: {found}");
        }
    }
}

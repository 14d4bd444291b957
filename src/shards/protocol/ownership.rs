//! The records `o.<shard>`.

use serde::{Deserialize, Serialize};

use super::{session_record::SessionId, versioned};
use crate::{
    lease::{self, Garbage},
    names::NodeId,
};

/// The content of `o.<shard>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Ownership {
    /// A session owns the shard. The record is not renewed.
    Held(Held),
    /// Its last owner has shut it, and nothing is inside.
    Free {
        /// The node that is to have it next. A hint.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wanted: Option<NodeId>,
        /// The token of the last owner's term.
        token: u64,
        /// The highest token that the writer knew of.
        floor: u64,
    },
    /// A mark over absence, which grants nothing.
    Vacant {
        /// The highest token that the writer knew of.
        floor: u64,
    },
    /// A record of a later version. It counts as held: its release or its mark may have another meaning.
    #[serde(skip)]
    Later(Later),
}

/// The claim of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The node of the session.
    pub node: NodeId,
    /// The session.
    pub session: SessionId,
    /// The revision of `s.<node>` that was last acknowledged to the writer. Evidence of the session's death is no older.
    pub seen: u64,
    /// The token of the term, or 0 if it follows from the revision.
    #[serde(default)]
    pub token: u64,
    /// The highest token that the writer knew of, or its wall clock's milliseconds minus one, if that is larger.
    pub floor: u64,
}

/// The part of a record that keeps its meaning in every later version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Later {
    /// The owner. A record without it has an owner that this version cannot name.
    #[serde(flatten)]
    pub(super) holder: Option<Holder>,
    #[serde(default)]
    token: u64,
    #[serde(default)]
    floor: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Holder {
    pub(super) node: NodeId,
    pub(super) session: SessionId,
    pub(super) seen: u64,
}

impl Ownership {
    /// The content of the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        versioned::encode(self)
    }

    /// Parses the content of the key at `revision`.
    ///
    /// # Errors
    ///
    /// [`Garbage`] if the bytes are not a record of this or a later version, or if a number is out of range.
    pub fn decode(revision: u64, bytes: &[u8]) -> Result<Self, Garbage> {
        let record = if versioned::is_later(bytes)? {
            Self::Later(lease::parse(bytes)?)
        } else {
            lease::parse(bytes)?
        };
        let (token, floor) = record.tokens();
        lease::check_tokens(revision, token, floor)?;
        // A session cannot be seen after the claim. Otherwise nothing could ever prove its death.
        if record.holder().is_some_and(|(_, _, seen)| seen >= revision) {
            return Err(Garbage::new("session seen after the claim"));
        }
        Ok(record)
    }

    /// The node, the session and the revision at which it was seen.
    pub(super) fn holder(&self) -> Option<(&NodeId, SessionId, u64)> {
        match self {
            Self::Held(held) => Some((&held.node, held.session, held.seen)),
            Self::Later(later) => {
                let holder = later.holder.as_ref()?;
                Some((&holder.node, holder.session, holder.seen))
            }
            Self::Free { .. } | Self::Vacant { .. } => None,
        }
    }

    fn tokens(&self) -> (u64, u64) {
        match self {
            Self::Held(Held { token, floor, .. }) | Self::Free { token, floor, .. } => {
                (*token, *floor)
            }
            Self::Vacant { floor } => (0, *floor),
            Self::Later(later) => (later.token, later.floor),
        }
    }

    /// The highest token that the record at `revision` tells of. The token of a claim is its revision, or one more than
    /// the floor if that is larger.
    #[must_use]
    pub fn token_at(&self, revision: u64) -> u64 {
        let (token, floor) = self.tokens();
        match self {
            Self::Held(_) | Self::Later(_) if token == 0 => revision.max(floor.saturating_add(1)),
            _ => token.max(floor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::WriteId;

    fn node(id: &str) -> NodeId {
        NodeId::parse(id).unwrap()
    }

    fn held() -> Held {
        Held {
            node: node("node-7"),
            session: SessionId::begun_by(WriteId::from_bits(0xab)),
            seen: 40,
            token: 0,
            floor: 41,
        }
    }

    fn free(wanted: Option<&str>) -> Ownership {
        Ownership::Free {
            wanted: wanted.map(node),
            token: 42,
            floor: 41,
        }
    }

    #[test]
    fn encodes_as_readable_json() {
        let text = |record: &Ownership| String::from_utf8(record.encode()).unwrap();
        assert_eq!(
            text(&Ownership::Held(held())),
            r#"{"v":1,"state":"held","node":"node-7","session":"000000000000000000000000000000ab","seen":40,"token":0,"floor":41}"#
        );
        assert_eq!(
            text(&free(Some("node-2"))),
            r#"{"v":1,"state":"free","wanted":"node-2","token":42,"floor":41}"#
        );
        assert_eq!(
            text(&Ownership::Vacant { floor: 41 }),
            r#"{"v":1,"state":"vacant","floor":41}"#
        );
    }

    #[test]
    fn survives_a_round_trip() {
        for record in [
            Ownership::Held(held()),
            free(None),
            free(Some("node-2")),
            Ownership::Vacant { floor: 41 },
        ] {
            assert_eq!(Ownership::decode(50, &record.encode()), Ok(record));
        }
    }

    #[test]
    fn a_claim_derives_its_token_from_its_revision() {
        let claim = Ownership::Held(held());
        assert_eq!((claim.token_at(100), claim.token_at(41)), (100, 42));
        assert_eq!(free(None).token_at(100), 42);
        assert_eq!(Ownership::Vacant { floor: 41 }.token_at(100), 41);
    }

    #[test]
    fn a_later_version_is_held() {
        let decode = |text: &str| Ownership::decode(50, text.as_bytes());
        let later = decode(
            r#"{"v":2,"state":{"a":1},"node":"n","session":"000000000000000000000000000000ab","seen":40,"floor":60}"#,
        );
        let later = later.unwrap();
        assert_eq!(later.holder(), Some((&node("n"), held().session, 40)));
        assert_eq!(later.token_at(50), 61);
        let free = decode(r#"{"v":2,"state":"free","token":70}"#).unwrap();
        assert_eq!((free.holder(), free.token_at(50)), (None, 70));
    }

    #[test]
    fn decode_rejects_garbage() {
        let good = String::from_utf8(Ownership::Held(held()).encode()).unwrap();
        let lead = 50 + (1_u64 << 48);
        assert!(Ownership::decode(41, good.as_bytes()).is_ok());
        for (bad, why) in [
            (good.replace(":40", ":50"), "session seen after the claim"),
            (
                good.replace(":41", &format!(":{lead}")),
                "token out of range",
            ),
            (
                good.replace(r#""token":0"#, &format!(r#""token":{}"#, lead + 1)),
                "token out of range",
            ),
            (good.replace("node-7", ""), "id"),
            (good.replace("held", "had"), "unknown variant"),
        ] {
            let found = Ownership::decode(50, bad.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(found.contains(why), "{bad}: {found}");
        }
    }
}

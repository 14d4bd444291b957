//! What a node knows of a shard, and what it does with it.

use super::{
    input::Want,
    ownership::Ownership,
    peers::{ME, Peer},
    session_record::SessionId,
};
use crate::{clock::Moment, shards::due::NEVER};

/// The state of one shard. Each node keeps it for every shard, so it is small.
#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Shard {
    /// The highest revision that was seen.
    pub(super) revision: u64,
    pub(super) content: ShardContent,
    /// When this process first saw this content at this revision.
    pub(super) first_seen: Moment,
    /// The highest token that is known.
    pub(super) floor: u64,
    pub(super) own: Own,
    pub(super) want: Wanted,
    pub(super) retry_at: Moment,
    pub(super) due: Moment,
    /// A random delay of the claim, in microseconds.
    pub(super) delay_us: u32,
    pub(super) failures: u8,
    pub(super) is_busy: bool,
    /// A write had no known effect: read the key first.
    pub(super) is_reading: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ShardContent {
    /// Nothing was delivered yet. If the bucket is known as a whole, the key has no message.
    Unseen,
    /// A read showed that the key has no message.
    Absent,
    /// What the server leaves for a deleted key.
    Marker,
    Garbage,
    Vacant {
        floor: u64,
    },
    Free {
        wanted: Option<Peer>,
    },
    Held {
        node: Peer,
        session: SessionId,
        seen: u64,
    },
    /// Held by an owner that only a later version can name.
    Nameless,
}

/// What this node does with the shard under its current session.
///
/// ```text
///          claim acknowledged        warmed
///   None ────────────────────▶ Warming ──▶ Open
///    ▲                            │         │ given away, warm-up failed, leaving
///    │                            ▼         ▼
///    │ freed, overwritten       Draining ◀──┘
///    │                            │ drained, or drain timeout
///    └───────────── Freeing ◀─────┘
/// ```
///
/// From each state, an overwritten record or the end of the session leads to `None`. No transition leads back to `Open`
/// but a new claim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Own {
    None,
    Warming(Term),
    Open(Term),
    /// Shut, and admitted requests may finish until then.
    Draining(Term, Moment),
    /// Nothing is inside, and the record is to be freed.
    Freeing(Term),
}

/// The claim that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Term {
    pub(super) revision: u64,
    pub(super) token: u64,
}

/// [`Want`], by number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wanted {
    Nothing,
    Have,
    Give(Option<Peer>),
}

impl Wanted {
    pub(super) fn of(want: &Want, mut number: impl FnMut(&crate::names::NodeId) -> Peer) -> Self {
        match want {
            Want::Nothing => Self::Nothing,
            Want::Have => Self::Have,
            Want::Give { to } => Self::Give(to.as_ref().map(&mut number)),
        }
    }
}

impl Own {
    pub(super) fn term(self) -> Option<Term> {
        match self {
            Self::None => None,
            Self::Warming(term)
            | Self::Open(term)
            | Self::Draining(term, _)
            | Self::Freeing(term) => Some(term),
        }
    }
}

impl ShardContent {
    pub(super) fn of(
        record: &Ownership,
        mut number: impl FnMut(&crate::names::NodeId) -> Peer,
    ) -> Self {
        if let Some((node, session, seen)) = record.holder() {
            let node = number(node);
            return Self::Held {
                node,
                session,
                seen,
            };
        }
        match record {
            Ownership::Free { wanted, .. } => Self::Free {
                wanted: wanted.as_ref().map(number),
            },
            Ownership::Vacant { floor } => Self::Vacant { floor: *floor },
            Ownership::Held(_) | Ownership::Later(_) => Self::Nameless,
        }
    }
}

impl Shard {
    pub(super) fn new() -> Self {
        Self {
            revision: 0,
            content: ShardContent::Unseen,
            first_seen: Moment::default(),
            floor: 0,
            own: Own::None,
            want: Wanted::Nothing,
            retry_at: Moment::default(),
            due: NEVER,
            delay_us: 0,
            failures: 0,
            is_busy: false,
            is_reading: false,
        }
    }

    /// Forgets what was seen in a bucket that is gone, but not its tokens.
    pub(super) fn forget(&mut self) {
        let former = std::mem::replace(self, Self::new());
        (self.floor, self.want, self.due) = (former.floor, former.want, former.due);
    }

    /// Whether the record names this session of this node.
    pub(super) fn is_held_by(&self, session: SessionId) -> bool {
        matches!(self.content, ShardContent::Held { node: ME, session: held, .. } if held == session)
    }

    /// The floor to which the content bounds the next token from below, if it grants nothing and has no owner. A node
    /// that knows a higher one writes it down in a mark.
    pub(super) fn carried(&self) -> Option<u64> {
        match self.content {
            ShardContent::Vacant { floor } => Some(floor.max(self.revision)),
            ShardContent::Marker | ShardContent::Garbage => Some(self.revision),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_elsewhere_costs_less_than_200_bytes() {
        // With its entry in the queue.
        let queued = size_of::<(Moment, u32)>() * 2;
        assert!(size_of::<Shard>() + queued < 200, "{}", size_of::<Shard>());
    }
}

//! The session of this node.

use super::session_record::SessionId;
use crate::{clock::Moment, lease::Settled};

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) enum Session {
    /// No session is held. None begins before `from`.
    None {
        from: Moment,
    },
    Held(HeldSession),
    /// The node leaves: all gates are shut, nothing is inside, and the record that is or may be in the key is replaced.
    Parting {
        until: Moment,
        /// Whether the key was read in this state, after a write of unknown outcome.
        is_checked: bool,
    },
    Stopped,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct HeldSession {
    pub(super) id: SessionId,
    /// The last revision of the own key that was acknowledged, or seen with an own renewal of unknown outcome.
    pub(super) revision: u64,
    /// None until the watch has delivered the first record.
    pub(super) deadline: Option<Moment>,
    /// The deadline that the first record would give.
    pub(super) first_deadline: Moment,
    pub(super) renew_at: Moment,
    pub(super) renewals: u64,
}

impl Session {
    pub(super) fn held(&self) -> Option<&HeldSession> {
        match self {
            Self::Held(held) => Some(held),
            _ => None,
        }
    }

    pub(super) fn held_mut(&mut self) -> Option<&mut HeldSession> {
        match self {
            Self::Held(held) => Some(held),
            _ => None,
        }
    }

    pub(super) fn ends_at(&self) -> Option<Moment> {
        let held = self.held()?;
        Some(held.deadline.unwrap_or(held.first_deadline))
    }

    pub(super) fn valid(&self, now: Moment) -> Option<SessionId> {
        let held = self.held()?;
        (now < held.deadline?).then_some(held.id)
    }
}

/// The next step with the own key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    Read,
    Mark,
    Begin,
    Renew,
    Leave,
    Settle(Settled),
}

//! No term ends without a cause: records what a process has seen that may end one.

use std::collections::BTreeSet;

use crate::{
    lease::{Ended, Input, Outcome},
    register::Register,
};

#[derive(Default)]
pub(crate) struct Evidence {
    /// The revision that it saw last.
    shown: u64,
    /// The revisions of its last acknowledged write, and of the first write of its term.
    acknowledged: u64,
    began_at: u64,
    /// Whether its last write was refused.
    is_refused: bool,
    /// Whether a copy of its own write caused the refusal.
    is_refused_by_itself: bool,
    /// The requests that arrived twice.
    repeated: BTreeSet<u64>,
}

impl Evidence {
    pub(crate) fn sent(&mut self) {
        (self.is_refused, self.is_refused_by_itself) = (false, false);
    }

    pub(crate) fn repeated(&mut self, attempt: u64) {
        self.repeated.insert(attempt);
    }

    pub(crate) fn hears(&mut self, input: &Input) {
        match input {
            Input::Pushed(seen)
            | Input::Read {
                seen: Some(seen), ..
            } => self.shown = seen.revision(),
            Input::Written { attempt, outcome } => match outcome {
                Outcome::Acknowledged(revision) => self.acknowledged = *revision,
                Outcome::Conflict => {
                    self.is_refused = true;
                    self.is_refused_by_itself |= self.repeated.contains(attempt);
                }
                Outcome::Failed | Outcome::Unknown => {}
            },
            _ => {}
        }
    }

    pub(crate) fn begins(&mut self) {
        self.began_at = self.acknowledged;
    }

    /// Whether another client changed the key, or the server lost it. A leader also gives up if the server shows no key
    /// at all, or an older revision after it refused a write, although that may be stale.
    pub(crate) fn justifies(&self, why: Ended, session: u64, register: &Register) -> bool {
        let gives_in = match why {
            Ended::Released | Ended::Expired => true,
            Ended::Deleted => self.shown == 0 || self.is_refused,
            Ended::DataLost => self.is_refused,
            Ended::Overwritten => self.is_refused_by_itself,
        };
        gives_in || register.epoch > 0 || register.changed_by_others(session, self.began_at)
    }
}

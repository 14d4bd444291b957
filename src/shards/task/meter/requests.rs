use std::collections::HashMap;

use super::series::{RESULTS, WRITE_KINDS};
use crate::{
    lease::Outcome,
    shards::protocol::{Action, Input, Ownership, Record, SessionRecord},
};

/// The requests to the bucket in progress, and what each one writes.
#[derive(Debug, Default)]
pub(super) struct Requests(HashMap<u64, Option<&'static str>>);

impl Requests {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn sent(&mut self, action: &Action) {
        match action {
            Action::Read { attempt, .. } => drop(self.0.insert(*attempt, None)),
            Action::Write {
                attempt, record, ..
            } => drop(self.0.insert(*attempt, Some(kind(record)))),
            _ => {}
        }
    }

    /// Returns the kind and the result of a write that ended.
    pub(super) fn ended(&mut self, input: &Input) -> Option<(&'static str, &'static str)> {
        match input {
            Input::Read { attempt, .. } => {
                self.0.remove(attempt);
                None
            }
            Input::Written { attempt, outcome } => {
                Some((self.0.remove(attempt)??, result(*outcome)))
            }
            _ => None,
        }
    }
}

fn kind(record: &Record) -> &'static str {
    let [begin, renew, leave, fence, claim, free, mark] = WRITE_KINDS;
    match record {
        Record::Session(SessionRecord::Alive(alive)) if alive.renewal == 0 => begin,
        Record::Session(SessionRecord::Alive(_)) => renew,
        Record::Session(SessionRecord::Left) => leave,
        Record::Session(SessionRecord::Dead { .. }) => fence,
        Record::Shard(Ownership::Held(_)) => claim,
        Record::Shard(Ownership::Free { .. }) => free,
        // This version writes no records of later ones.
        Record::Session(SessionRecord::Unknown | SessionRecord::Later(_))
        | Record::Shard(Ownership::Vacant { .. } | Ownership::Later(_)) => mark,
    }
}

fn result(outcome: Outcome) -> &'static str {
    let [acknowledged, conflict, failed, unknown] = RESULTS;
    match outcome {
        Outcome::Acknowledged(_) => acknowledged,
        Outcome::Conflict => conflict,
        Outcome::Failed => failed,
        Outcome::Unknown => unknown,
    }
}

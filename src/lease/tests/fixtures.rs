//! Settings, records, observations and actions for the tests.

use std::time::Duration;

use super::super::*;
use crate::{
    clock::Moment,
    names::{Address, NodeId},
};

pub(super) const LEASE: u64 = 15_000;
pub(super) const GUARD: u64 = 750;
pub(super) const REQUEST_TIMEOUT: u64 = 2_500;
pub(super) const DRAIN_TIMEOUT: u64 = 5_000;
/// The revision of the record that [`Driver::leading`] replaces. `TOKEN` is the token of its term.
pub(super) const BEFORE: u64 = 7;
pub(super) const TOKEN: u64 = 8;

/// The id of every write of this candidate in the tests that are not about ids.
pub(super) const ID: WriteId = WriteId::from_bits(7);

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The moment `ms` milliseconds after the start of a test.
pub(super) fn at(ms: u64) -> Moment {
    Moment::from_nanos(1_000_000_000_000) + Duration::from_millis(ms)
}

/// A candidate with a lease of 15 s and no delay of campaigns.
pub(super) fn candidate() -> Candidate {
    Candidate {
        id: NodeId::parse("me").unwrap(),
        session: "mine".to_owned(),
        address: None,
        timing: Timing {
            lease: ms(LEASE),
            guard: ms(GUARD),
            renew_every: ms(5_000),
            request_timeout: ms(REQUEST_TIMEOUT),
            drain_timeout: ms(DRAIN_TIMEOUT),
            campaign_delay: Duration::ZERO,
        },
        observer: false,
        warm_up: false,
        trust_absent_key: false,
        lossy_store: false,
    }
}

pub(super) fn read(attempt: u64) -> Action {
    Action::Read { attempt }
}

pub(super) fn write(attempt: u64, expected: u64, record: Record) -> Action {
    Action::Write {
        attempt,
        expected,
        record,
    }
}

pub(super) fn is_read(action: &Action) -> bool {
    matches!(action, Action::Read { .. })
}

pub(super) fn is_write(action: &Action) -> bool {
    matches!(action, Action::Write { .. })
}

pub(super) fn begin(token: u64, deadline_ms: u64) -> Action {
    Action::Begin {
        token,
        deadline: at(deadline_ms),
    }
}

pub(super) fn end(why: Ended) -> Action {
    Action::End { why }
}

pub(super) fn absent_for(ms: u64) -> Action {
    Action::Notice(Notice::KeyAbsent {
        wait: Duration::from_millis(ms),
    })
}

pub(super) fn data_lost(seen: u64, found: u64) -> Action {
    Action::Notice(Notice::DataLost { seen, found })
}

/// An acquiring record of this candidate, whose highest known token was `floor`.
pub(super) fn mine(floor: u64) -> Record {
    Record::acquiring("me", "mine", None, ms(LEASE), floor).written_as(ID)
}

/// The renewal number `renewal` of this candidate's term `token`.
pub(super) fn renewed(token: u64, renewal: u64) -> Record {
    mine(token).renewed(token, renewal)
}

/// The record that releases this candidate's term `token`.
pub(super) fn released_by_me(token: u64) -> Record {
    mine(token).released(token)
}

/// An acquiring record of another candidate.
pub(super) fn theirs(lease_ms: u64) -> Record {
    Record::acquiring(
        "other",
        "theirs",
        Some(&Address::parse("http://other").unwrap()),
        ms(lease_ms),
        BEFORE - 1,
    )
}

/// The record that released another candidate's term 7.
pub(super) fn released() -> Record {
    theirs(LEASE).released(BEFORE)
}

pub(super) fn holds(revision: u64, record: &Record) -> Observation {
    Observation {
        revision,
        value: Some(record.encode()),
    }
}

/// A key that was deleted with a marker at `revision`, or has no message if `revision` is 0.
pub(super) fn absent(revision: u64) -> Observation {
    Observation {
        revision,
        value: None,
    }
}

pub(super) fn garbage(revision: u64) -> Observation {
    Observation {
        revision,
        value: Some(b"hello".to_vec()),
    }
}

//! G4: the gate of one process. Each change has its precondition, and the gate closes by its deadline, on its own
//! clock, for good.

use crate::{
    clock::Moment,
    lease::{Machine, Record, Status},
};

/// A term, and whether its gate is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    pub(crate) token: u64,
    deadline: Moment,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Begun,
    Open,
    Closed,
}

/// An acknowledged write: its record, its revision, and how long it is valid.
pub(crate) struct Grant<'a> {
    pub(crate) record: &'a Record,
    pub(crate) revision: u64,
    /// The end of what the write may claim, counted from when it was sent.
    pub(crate) valid_until: Moment,
}

impl Term {
    /// A term begins on the acknowledgement of an acquiring write.
    pub(crate) fn begin(token: u64, deadline: Moment, now: Moment, grant: &Grant<'_>) -> Self {
        let record = grant.record;
        assert!(record.holder.is_some() && record.token == 0, "{record:?}");
        assert_eq!(token, record.token_at(grant.revision));
        assert!(now < deadline && deadline <= grant.valid_until);
        Self {
            token,
            deadline,
            stage: Stage::Begun,
        }
    }

    /// A term is extended by the acknowledgement of its own renewal, and is never revived.
    pub(crate) fn extend(&mut self, deadline: Moment, now: Moment, grant: &Grant<'_>) {
        assert!(now < self.deadline, "revived");
        assert_eq!(
            grant.record.token, self.token,
            "renewed by another term's write"
        );
        assert!(deadline <= self.deadline.max(grant.valid_until));
        self.deadline = deadline;
    }

    pub(crate) fn open(&mut self) {
        assert_eq!(self.stage, Stage::Begun);
        self.stage = Stage::Open;
    }

    pub(crate) fn close(&mut self) {
        assert_ne!(self.stage, Stage::Closed);
        self.stage = Stage::Closed;
    }

    pub(crate) fn is_open(&self, now: Moment) -> bool {
        self.stage == Stage::Open && now < self.deadline
    }

    pub(crate) fn is_over(&self, now: Moment) -> bool {
        now >= self.deadline
    }

    pub(crate) fn warms_up(&self) -> bool {
        self.stage == Stage::Begun
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }
}

/// Asserts that the machine's term equals the one that its actions describe, that its deadline has not passed, and
/// that the machine asks to be woken before it.
pub(crate) fn check(term: Option<&Term>, machine: &Machine, now: Moment) {
    let told = term.map(|term| (term.token, term.deadline));
    assert_eq!(told, machine.token().zip(machine.deadline()));
    let status = machine.status(now);
    let Some(term) = term else {
        assert!(!matches!(status, Status::Leader { .. } | Status::Warming));
        return;
    };
    assert!(now < term.deadline, "the term is held past its deadline");
    let wakes = machine.poll_timeout();
    assert!(
        wakes.is_some_and(|at| at <= term.deadline),
        "the machine sleeps past its deadline"
    );
    let expected = match term.stage {
        Stage::Begun => Status::Warming,
        Stage::Open => Status::Leader {
            token: term.token.into(),
        },
        Stage::Closed => Status::Draining,
    };
    assert_eq!(status, expected);
}

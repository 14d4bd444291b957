use std::{sync::Arc, time::Duration};

use super::deadline::Deadline;
use crate::{
    clock::{Clock, Moment},
    sync::CancellationToken,
};

/// A lease that this node holds. One term rests on it, or those of many shards. Clones are the same lease.
#[derive(Clone, Debug)]
pub(crate) struct HeldLease(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    deadline: Deadline,
    clock: Clock,
    /// Cancelled once the deadline has passed, for every term on it.
    passed: CancellationToken,
    /// Cancelled by the task when it ends the lease, for every term on it.
    ended: CancellationToken,
}

impl HeldLease {
    pub(crate) fn new(deadline: Moment, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            deadline: Deadline::new(deadline),
            clock,
            passed: CancellationToken::new(),
            ended: CancellationToken::new(),
        }))
    }

    /// The time that is left at this instant, or none once the deadline has passed. The one reader that finds it passed
    /// first signals that to all terms.
    #[inline]
    pub(crate) fn left(&self) -> Option<Duration> {
        let passed = || self.0.passed.cancel();
        self.0.deadline.left(&self.0.clock, passed)
    }

    /// Extends the deadline. Returns false if a reader has found it passed.
    pub(crate) fn extend(&self, deadline: Moment) -> bool {
        self.0.deadline.extend(deadline)
    }

    /// Ends the lease, and with it every term on it.
    pub(crate) fn end(&self) {
        self.0.deadline.end();
        self.0.passed.cancel();
        self.0.ended.cancel();
    }

    /// A token that is cancelled once the deadline has passed, or when the term of the token closes.
    pub(super) fn closing(&self) -> CancellationToken {
        self.0.passed.child_token()
    }

    /// A token that is cancelled when the lease ends, or the term of the token.
    pub(super) fn ended(&self) -> CancellationToken {
        self.0.ended.child_token()
    }
}

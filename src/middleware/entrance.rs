use std::time::Duration;

use crate::task::{Admission, LeaderHandle, NotLeader};

/// The gate of an election, with the conditions of one service.
#[derive(Clone, Debug)]
pub struct Entrance {
    handle: LeaderHandle,
    min_remaining: Duration,
}

impl Entrance {
    pub(super) fn new(handle: LeaderHandle) -> Self {
        Self {
            handle,
            min_remaining: Duration::ZERO,
        }
    }

    pub(super) fn set_min_remaining(&mut self, min_remaining: Duration) {
        let always_left = self.handle.always_left();
        if min_remaining > always_left {
            tracing::warn!(
                ?min_remaining,
                ?always_left,
                "`min_remaining` is more than is left of the lease just before a renewal; \
                 a healthy leader will reject requests",
            );
        }
        self.min_remaining = min_remaining;
    }

    pub(super) fn handle(&self) -> &LeaderHandle {
        &self.handle
    }

    #[inline]
    pub(super) fn admit(&self) -> Result<Admission, NotLeader> {
        self.handle.admit_for(self.min_remaining)
    }
}

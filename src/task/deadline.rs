use std::{sync::atomic::Ordering, time::Duration};

use crate::{
    clock::{Clock, Moment},
    sync::AtomicU64,
};

/// The value of a deadline that has passed and cannot be extended.
const PASSED: u64 = 0;

/// A deadline that can be extended until a reader finds that it has passed.
///
/// The first reader after the deadline marks it as passed. A renewal that was acknowledged in time but is published
/// late then cannot revive a term whose end a reader has observed.
#[derive(Debug)]
pub(super) struct Deadline(AtomicU64);

impl Deadline {
    pub(super) fn new(moment: Moment) -> Self {
        Self(AtomicU64::new(moment.as_nanos()))
    }

    /// The time that is left at this instant, or none once the deadline has passed. Wait-free, except for a retry if it
    /// is extended concurrently. The one reader that finds it passed first calls `passed`.
    #[inline]
    pub(super) fn left(&self, clock: &Clock, passed: impl FnOnce()) -> Option<Duration> {
        let mut deadline = self.0.load(Ordering::Acquire);
        if deadline == PASSED {
            return None;
        }
        let now = clock.now().as_nanos();
        while now >= deadline {
            match self.swap(deadline, PASSED) {
                Ok(_) => {
                    passed();
                    return None;
                }
                Err(PASSED) => return None,
                Err(extended) => deadline = extended,
            }
        }
        Some(Duration::from_nanos(deadline - now))
    }

    /// Extends the deadline. Returns false if a reader has found it passed.
    pub(super) fn extend(&self, moment: Moment) -> bool {
        let old = self.0.load(Ordering::Acquire);
        old != PASSED && self.swap(old, moment.as_nanos()).is_ok()
    }

    pub(super) fn end(&self) {
        self.0.store(PASSED, Ordering::SeqCst);
    }

    fn swap(&self, old: u64, new: u64) -> Result<u64, u64> {
        self.0
            .compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst)
    }
}

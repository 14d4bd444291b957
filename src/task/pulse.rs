use std::{sync::atomic::Ordering, time::Duration};

use crate::{clock::Moment, sync::AtomicU64};

const NEVER: u64 = 0;

/// The times that health checks report: the last progress of the background task, and its last renewal.
#[derive(Debug)]
pub(crate) struct Pulse {
    progress: AtomicU64,
    confirmed: AtomicU64,
}

impl Pulse {
    /// Starts to count at `now`, before the first turn of the task.
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            progress: AtomicU64::new(now.as_nanos()),
            confirmed: AtomicU64::new(NEVER),
        }
    }

    /// The task completed a turn of its loop.
    pub(crate) fn beat(&self, now: Moment) {
        self.progress.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// The store acknowledged that this node holds the lease.
    pub(crate) fn confirm(&self, now: Moment) {
        self.confirmed.store(now.as_nanos(), Ordering::Relaxed);
    }

    pub(crate) fn last_beat(&self) -> Moment {
        Moment::from_nanos(self.progress.load(Ordering::Relaxed))
    }

    /// The time from the last acknowledged write of the lease to `now`, if there was one.
    pub(crate) fn since_confirmed(&self, now: Moment) -> Option<Duration> {
        match self.confirmed.load(Ordering::Relaxed) {
            NEVER => None,
            nanos => Some(now.saturating_since(Moment::from_nanos(nanos))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Moment = Moment::from_nanos(7_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn progress_counts_from_the_start() {
        let pulse = Pulse::new(T);
        assert_eq!(pulse.last_beat(), T);
        pulse.beat(T + SECOND);
        assert_eq!(pulse.last_beat(), T + SECOND);
    }

    #[test]
    fn a_lease_never_held_has_no_renewal() {
        let pulse = Pulse::new(T);
        assert_eq!(pulse.since_confirmed(T + SECOND), None);
        pulse.confirm(T);
        assert_eq!(pulse.since_confirmed(T + SECOND), Some(SECOND));
        // Another thread confirmed after `now` was read.
        assert_eq!(
            pulse.since_confirmed(Moment::from_nanos(1)),
            Some(Duration::ZERO)
        );
    }
}

use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use tokio_util::sync::CancellationToken;

use super::Term;

/// The gate itself: open while it holds a term that is current.
///
/// Opening, admitting and shutting are single operations on one pointer. An admission keeps the opening
/// alive that it went through, so that none can carry another term's token, and the last one to finish
/// tells the background task.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: ArcSwapOption<Opening>,
}

/// One opening of the gate: it lives until the gate has shut and every request admitted by it is done.
#[derive(Debug)]
struct Opening {
    term: Term,
    drained: CancellationToken,
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.drained.cancel();
    }
}

impl Gate {
    /// Whether a request would be admitted at this instant. Wait-free: one load and one clock read.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.open.load().as_ref().is_some_and(|opening| opening.term.is_current())
    }

    /// Admits a request, if the gate is open at this instant. Wait-free.
    #[inline]
    pub(crate) fn admit(&self) -> Option<Admission> {
        let opening = self.open.load_full()?;
        opening.term.is_current().then_some(Admission { opening })
    }

    /// The term under which the gate is open at this instant. Wait-free.
    pub(crate) fn term(&self) -> Option<Term> {
        let opening = self.open.load();
        let term = &opening.as_ref()?.term;
        term.is_current().then(|| term.clone())
    }

    pub(super) fn open(&self, term: Term) {
        self.open.store(Some(Arc::new(Opening {
            term,
            drained: CancellationToken::new(),
        })));
    }

    /// Shuts the gate, and answers with what is still going on behind it.
    pub(super) fn shut(&self) -> Option<Drain> {
        let opening = self.open.swap(None)?;
        Some(Drain {
            token: opening.term.token(),
            drained: opening.drained.clone(),
            opening: Arc::downgrade(&opening),
        })
    }
}

/// What goes on behind a gate that has shut.
#[derive(Debug)]
pub(super) struct Drain {
    token: u64,
    drained: CancellationToken,
    opening: Weak<Opening>,
}

impl Drain {
    /// Waits until every admitted request has finished, and answers with the term's fencing token.
    pub(super) async fn finished(&self) -> u64 {
        self.drained.cancelled().await;
        self.token
    }

    /// How many requests are still under way.
    pub(super) fn admitted(&self) -> usize {
        self.opening.strong_count()
    }
}

/// The right to act as the leader, from [`LeaderHandle::admit`](crate::LeaderHandle::admit).
///
/// While one exists, a step-down or a shutdown waits with the release of the lease, up to the drain
/// timeout. Drop it when the work that it stands for is done.
#[derive(Debug)]
#[must_use = "the work is admitted for as long as this lives"]
pub struct Admission {
    opening: Arc<Opening>,
}

impl Admission {
    /// The term under which the work was admitted.
    #[inline]
    #[must_use]
    pub fn term(&self) -> &Term {
        &self.opening.term
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::FakeClock;

    const SECOND: Duration = Duration::from_secs(1);

    fn open(token: u64) -> (Gate, FakeClock) {
        let (gate, clock) = (Gate::default(), FakeClock::new());
        gate.open(Term::new(token, clock.now() + SECOND, clock.clone().into()));
        (gate, clock)
    }

    #[test]
    fn shuts_by_itself_at_the_deadline() {
        let (gate, clock) = open(7);
        assert!(gate.is_open());
        assert_eq!(gate.admit().unwrap().term().token(), 7);
        clock.advance_silently(SECOND);
        assert!(!gate.is_open());
        assert!(gate.admit().is_none());
        assert!(gate.term().is_none());
    }

    #[test]
    fn is_drained_when_the_last_admission_is_dropped() {
        let (gate, _clock) = open(7);
        let (a, b) = (gate.admit().unwrap(), gate.admit().unwrap());
        let drain = gate.shut().unwrap();
        assert!(gate.admit().is_none());
        assert_eq!(drain.admitted(), 2);
        drop(a);
        assert!(!drain.drained.is_cancelled());
        drop(b);
        assert!(drain.drained.is_cancelled());
        assert_eq!(drain.admitted(), 0);
    }

    #[test]
    fn a_term_kept_by_a_handler_does_not_hold_up_the_drain() {
        let (gate, _clock) = open(7);
        let term = gate.admit().unwrap().term().clone();
        let drain = gate.shut().unwrap();
        assert!(drain.drained.is_cancelled());
        assert!(term.is_current(), "the lease is held until it is released");
    }

    #[test]
    fn admissions_of_two_openings_do_not_mix() {
        let (gate, clock) = open(7);
        let old = gate.admit().unwrap();
        let drain = gate.shut().unwrap();
        gate.open(Term::new(8, clock.now() + SECOND, clock.clone().into()));
        let new = gate.admit().unwrap();
        assert_eq!((old.term().token(), new.term().token()), (7, 8));
        drop(old);
        assert!(drain.drained.is_cancelled());
    }
}

use std::{
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use super::{
    admission::{Admission, Opening},
    term::{GateId, Term},
};
use crate::{
    clock::Moment,
    sync::{ArcSwapOption, CancellationToken, Mutex, MutexGuard, Notified, Notify},
};

/// The gate, and the term that this node holds.
///
/// The gate is open from [`open`](Self::open) until it is closed or the term's deadline passes. Opening, admitting and
/// closing are single operations on one pointer, so that an admission cannot carry the token of another term. An
/// admission keeps its opening alive, and the drop of the last admission wakes the background task.
#[derive(Debug)]
pub(crate) struct Gate {
    id: GateId,
    held: ArcSwapOption<Opening>,
    /// The closed openings that may still have requests in progress.
    closing: Mutex<Vec<Weak<Opening>>>,
    /// Notified when the deadline moves.
    renewed: Notify,
}

/// The term that a node holds at an instant.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) term: Term,
    /// The rest of the lease.
    pub(crate) left: Duration,
    pub(crate) is_open: bool,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            id: GateId::default(),
            held: ArcSwapOption::empty(),
            closing: Mutex::default(),
            renewed: Notify::new(),
        }
    }

    /// Whether a request would be admitted at this instant. Wait-free while it would.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        let opening = self.held.load();
        let opening = opening.as_ref();
        opening.is_some_and(|opening| opening.is_open() && opening.term().is_current())
    }

    /// Admits a request if the gate is open at this instant and at least `min_remaining` of the lease is left.
    /// Wait-free.
    #[inline]
    pub(crate) fn admit(&self, min_remaining: Duration) -> Option<Admission> {
        let opening = self.held.load_full()?;
        if !opening.is_open() {
            return None;
        }
        let left = opening.term().left()?;
        (left >= min_remaining).then(|| Admission::new(opening))
    }

    /// The term that this node holds at this instant. The gate is closed under it during the warm-up and the drain.
    /// Wait-free.
    pub(crate) fn held(&self) -> Option<Held> {
        let opening = self.held.load();
        let opening = opening.as_ref()?;
        let left = opening.term().left()?;
        Some(Held {
            term: opening.term().clone(),
            left,
            is_open: opening.is_open(),
        })
    }

    /// The term under which the gate is open at this instant.
    pub(crate) fn term(&self) -> Option<Term> {
        let held = self.held()?;
        held.is_open.then_some(held.term)
    }

    /// Whether this is a term of this gate, past or present.
    pub(crate) fn owns(&self, term: &Term) -> bool {
        term.is_of(&self.id)
    }

    /// The term that has begun and was not ended. Its deadline may have passed.
    pub(crate) fn begun(&self) -> Option<Term> {
        let opening = self.held.load();
        opening.as_ref().map(|opening| opening.term().clone())
    }

    /// The number of requests in progress that were admitted before the gate last closed.
    pub(crate) fn draining(&self) -> usize {
        self.closing().iter().map(Weak::strong_count).sum()
    }

    fn closing(&self) -> MutexGuard<'_, Vec<Weak<Opening>>> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a term. The gate stays closed.
    pub(crate) fn begin(&self, term: Term) {
        term.begun(self.id.clone());
        self.held.store(Some(Opening::shut(term)));
    }

    /// Opens the gate under the term that has begun.
    pub(crate) fn open(&self) {
        if let Some(term) = self.begun() {
            self.held.store(Some(Opening::open(term)));
        }
    }

    /// Moves the deadline of the held term. Returns false if a reader has observed the end of the term.
    pub(super) fn extend(&self, deadline: Moment) -> bool {
        let extended = self.begun().is_some_and(|term| term.extend(deadline));
        self.renewed.notify_waiters();
        extended
    }

    /// Resolves at the next renewal after this call.
    pub(crate) fn renewed(&self) -> Notified<'_> {
        self.renewed.notified()
    }

    /// Closes the gate, and returns the requests in progress of all openings. The term continues.
    pub(crate) fn shut(&self) -> Drain {
        let opening = self.held.load_full();
        let term = opening.as_ref().map(|opening| opening.term().clone());
        if let Some(opening) = opening.filter(|opening| opening.is_open()) {
            self.held.store(term.clone().map(Opening::shut));
            self.closing().push(Arc::downgrade(&opening));
        }
        // Without the lock: a waiter may read the gate when it is woken, and dropping the last reference to an opening
        // wakes the waiters for its end.
        if let Some(term) = term {
            term.close();
        }
        let inside: Vec<_> = self.closing().iter().filter_map(Weak::upgrade).collect();
        *self.closing() = inside.iter().map(Arc::downgrade).collect();
        Drain(inside.iter().filter_map(|o| o.drained()).collect())
    }

    /// Ends the held term, and closes the gate if it is open.
    pub(crate) fn end(&self) -> Option<Term> {
        self.shut();
        let term = self.held.swap(None)?.term().clone();
        term.end();
        Some(term)
    }
}

/// The requests in progress when a gate closed.
#[derive(Debug)]
pub(crate) struct Drain(Vec<CancellationToken>);

impl Drain {
    pub(super) fn is_finished(&self) -> bool {
        self.0.iter().all(CancellationToken::is_cancelled)
    }

    /// Waits until every admitted request has finished. Cancel safe.
    pub(super) async fn finished(&self) {
        for drained in &self.0 {
            drained.cancelled().await;
        }
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;
    use crate::{clock::FakeClock, task::held_lease::HeldLease};

    const SECOND: Duration = Duration::from_secs(1);

    fn open(token: u64) -> (Gate, FakeClock) {
        let clock = FakeClock::new();
        let gate = Gate::new();
        open_again(&gate, &clock, token);
        (gate, clock)
    }

    fn open_again(gate: &Gate, clock: &FakeClock, token: u64) {
        let deadline = clock.now() + SECOND;
        gate.begin(Term::new(
            token.into(),
            HeldLease::new(deadline, clock.clone().into()),
        ));
        gate.open();
    }

    #[test]
    fn is_closed_until_it_opens() {
        let clock = FakeClock::new();
        let gate = Gate::new();
        assert!(gate.held().is_none());
        let lease = HeldLease::new(clock.now() + SECOND, clock.clone().into());
        gate.begin(Term::new(7.into(), lease));
        assert!(!gate.is_open() && gate.term().is_none());
        assert!(gate.admit(Duration::ZERO).is_none());
        let held = gate.held().unwrap();
        assert_eq!((held.term.token(), held.left), (7.into(), SECOND));
        gate.open();
        assert!(gate.is_open() && gate.held().unwrap().is_open);
    }

    #[test]
    fn closes_by_itself_at_the_deadline() {
        let (gate, clock) = open(7);
        assert!(gate.is_open());
        let admission = gate.admit(Duration::ZERO).unwrap();
        assert_eq!(admission.term().token(), 7.into());
        clock.advance_silently(SECOND);
        assert!(!gate.is_open());
        assert!(gate.admit(Duration::ZERO).is_none());
        assert!(gate.term().is_none() && gate.held().is_none());
    }

    #[test]
    fn admits_while_enough_of_the_lease_is_left() {
        let (gate, clock) = open(7);
        clock.advance_silently(SECOND / 2);
        assert!(gate.admit(SECOND / 2).is_some());
        assert!(gate.admit(SECOND / 2 + Duration::from_nanos(1)).is_none());
        assert!(gate.is_open());
    }

    #[test]
    fn a_renewal_does_not_reopen_an_expired_gate() {
        let (gate, clock) = open(7);
        clock.advance_silently(SECOND);
        assert!(!gate.is_open());
        assert!(!gate.extend(clock.now() + SECOND));
        assert!(!gate.is_open());
    }

    #[test]
    fn admitted_work_is_signalled_to_finish() {
        let (gate, _clock) = open(7);
        let admission = gate.admit(Duration::ZERO).unwrap();
        assert!(!admission.term().closing().is_cancelled());
        gate.shut();
        assert!(admission.term().closing().is_cancelled());
        assert!(!admission.term().cancellation().is_cancelled());
        gate.end();
        assert!(admission.term().cancellation().is_cancelled());
    }

    #[test]
    fn stays_open_after_a_timely_renewal() {
        let (gate, clock) = open(7);
        assert!(gate.extend(clock.now() + SECOND * 2));
        clock.advance_silently(SECOND);
        assert!(gate.is_open() && gate.admit(Duration::ZERO).is_some());
    }

    #[test]
    fn the_last_admission_ends_the_drain() {
        let (gate, _clock) = open(7);
        let (a, b) = (
            gate.admit(Duration::ZERO).unwrap(),
            gate.admit(Duration::ZERO).unwrap(),
        );
        let drain = gate.shut();
        assert!(gate.admit(Duration::ZERO).is_none());
        assert_eq!(gate.draining(), 2);
        drop(a);
        assert!(!drain.is_finished());
        drop(b);
        assert!(drain.is_finished());
        assert_eq!(gate.draining(), 0);
    }

    #[test]
    fn a_second_admission_of_a_term_is_drained() {
        let (gate, _clock) = open(7);
        let first = gate.admit(Duration::ZERO).unwrap();
        let second = Admission::of(first.term()).unwrap();
        assert_eq!(second.term(), first.term());
        let drain = gate.shut();
        let term = first.term().clone();
        drop(first);
        assert!(!drain.is_finished());
        drop(second);
        assert!(drain.is_finished());
        assert!(Admission::of(&term).is_none());
    }

    #[test]
    fn a_kept_term_does_not_delay_the_drain() {
        let (gate, _clock) = open(7);
        let term = gate.admit(Duration::ZERO).unwrap().term().clone();
        let drain = gate.shut();
        assert!(drain.is_finished());
        assert!(term.is_current(), "the lease is held until it is released");
    }

    #[test]
    fn admissions_of_two_openings_do_not_mix() {
        let (gate, clock) = open(7);
        let old = gate.admit(Duration::ZERO).unwrap();
        let drain = gate.shut();
        open_again(&gate, &clock, 8);
        let new = gate.admit(Duration::ZERO).unwrap();
        let tokens = (old.term().token(), new.term().token());
        assert_eq!(tokens, (7.into(), 8.into()));
        drop(old);
        assert!(drain.is_finished());
    }

    #[test]
    fn a_drain_includes_earlier_openings() {
        let (gate, clock) = open(7);
        let old = gate.admit(Duration::ZERO).unwrap();
        gate.end();
        open_again(&gate, &clock, 8);
        let new = gate.admit(Duration::ZERO).unwrap();
        let drain = gate.shut();
        assert_eq!(gate.draining(), 2);
        drop(new);
        assert!(!drain.is_finished());
        drop(old);
        assert!(drain.is_finished());
        assert_eq!(gate.draining(), 0);
        gate.shut();
        assert!(gate.closing().is_empty(), "drained openings are removed");
    }
}

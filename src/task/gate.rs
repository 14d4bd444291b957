use std::{
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use super::{Deadline, Term};
use crate::{
    clock::{Clock, Moment},
    sync::{ArcSwapOption, CancellationToken, Mutex, MutexGuard, Notified, Notify},
};

/// The gate itself: open while it holds a term that is current.
///
/// Opening, admitting and shutting are single operations on one pointer. An admission keeps the opening
/// alive that it went through, so that none can carry another term's token, and the last one to finish
/// tells the background task.
#[derive(Debug)]
pub(crate) struct Gate {
    open: ArcSwapOption<Opening>,
    /// The deadline of the term that the gate is open under, for those who only ask whether it is.
    until: Deadline,
    /// The openings that have been shut, and still have somebody inside.
    closing: Mutex<Vec<Weak<Opening>>>,
    /// Told that the deadline has moved on.
    renewed: Notify,
    clock: Clock,
}

/// One opening of the gate: it lives until the gate has shut and every request admitted by it is done.
#[derive(Debug)]
struct Opening {
    term: Term,
    shut: CancellationToken,
    drained: CancellationToken,
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.drained.cancel();
    }
}

impl Gate {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            open: ArcSwapOption::empty(),
            until: Deadline::passed(),
            closing: Mutex::default(),
            renewed: Notify::new(),
            clock,
        }
    }

    /// Whether a request would be admitted at this instant. Wait-free: one load and one clock read.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.until.left(&self.clock).is_some()
    }

    /// Admits a request, if the gate is open at this instant and at least `min_remaining` of the lease is
    /// left. Wait-free.
    #[inline]
    pub(crate) fn admit(&self, min_remaining: Duration) -> Option<Admission> {
        let opening = self.open.load_full()?;
        let left = self.left(&opening)?;
        (left >= min_remaining).then_some(Admission { opening })
    }

    /// The term under which the gate is open at this instant. Wait-free.
    pub(crate) fn term(&self) -> Option<Term> {
        self.lease().map(|(term, _)| term)
    }

    /// The same, with how much of the lease is left.
    pub(crate) fn lease(&self) -> Option<(Term, Duration)> {
        let opening = self.open.load();
        let opening = opening.as_ref()?;
        let left = self.left(opening)?;
        Some((opening.term.clone(), left))
    }

    /// Whoever asked [`is_open`](Self::is_open) may have found the gate shut before this term was renewed:
    /// then it is shut for everybody.
    ///
    /// The mark is read before the term. A gate that opens between the two is open under a later term, and
    /// this one is over by then.
    #[inline]
    fn left(&self, opening: &Opening) -> Option<Duration> {
        if self.until.is_passed() {
            return None;
        }
        opening.term.left()
    }

    /// How many requests are still under way that were admitted before the gate was shut last.
    pub(crate) fn draining(&self) -> usize {
        self.closing().iter().map(Weak::strong_count).sum()
    }

    fn closing(&self) -> MutexGuard<'_, Vec<Weak<Opening>>> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self, term: Term, deadline: Moment) {
        self.open.store(Some(Arc::new(Opening {
            term,
            shut: CancellationToken::new(),
            drained: CancellationToken::new(),
        })));
        self.until.begin(deadline);
    }

    /// Moves the deadline of the open gate on. False if the term, or the gate, was found to be past the old
    /// one before.
    pub(super) fn extend(&self, term: &Term, deadline: Moment) -> bool {
        let is_open = self.open.load().is_some();
        let extended = term.extend(deadline) && (!is_open || self.until.extend(deadline));
        self.renewed.notify_waiters();
        extended
    }

    /// Resolves at the next renewal after this call.
    pub(crate) fn renewed(&self) -> Notified<'_> {
        self.renewed.notified()
    }

    /// Shuts the gate, and answers with what is still going on behind it, from whatever opening.
    pub(super) fn shut(&self) -> Drain {
        self.until.end();
        let opening = self.open.swap(None);
        let mut closing = self.closing();
        if let Some(opening) = &opening {
            opening.shut.cancel();
            closing.push(Arc::downgrade(opening));
        }
        drop(opening);
        let inside: Vec<_> = closing.iter().filter_map(Weak::upgrade).collect();
        *closing = inside.iter().map(Arc::downgrade).collect();
        Drain(inside.iter().map(|o| o.drained.clone()).collect())
    }
}

/// What goes on behind a gate that has shut.
#[derive(Debug)]
pub(super) struct Drain(Vec<CancellationToken>);

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

    /// A token that is cancelled when the gate shuts: at the end of the term, or before, when the lease is
    /// about to be given back.
    pub(crate) fn shut(&self) -> &CancellationToken {
        &self.opening.shut
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;
    use crate::clock::FakeClock;

    const SECOND: Duration = Duration::from_secs(1);

    fn open(token: u64) -> (Gate, FakeClock) {
        let clock = FakeClock::new();
        let gate = Gate::new(clock.clone().into());
        open_again(&gate, &clock, token);
        (gate, clock)
    }

    fn open_again(gate: &Gate, clock: &FakeClock, token: u64) {
        let deadline = clock.now() + SECOND;
        gate.open(Term::new(token, deadline, clock.clone().into()), deadline);
    }

    #[test]
    fn shuts_by_itself_at_the_deadline() {
        let (gate, clock) = open(7);
        assert!(gate.is_open());
        assert_eq!(gate.admit(Duration::ZERO).unwrap().term().token(), 7);
        clock.advance_silently(SECOND);
        assert!(!gate.is_open());
        assert!(gate.admit(Duration::ZERO).is_none());
        assert!(gate.term().is_none());
    }

    #[test]
    fn admits_for_as_long_as_enough_is_left() {
        let (gate, clock) = open(7);
        clock.advance_silently(SECOND / 2);
        assert!(gate.admit(SECOND / 2).is_some());
        assert!(gate.admit(SECOND / 2 + Duration::from_nanos(1)).is_none());
        assert!(gate.is_open());
    }

    #[test]
    fn is_not_opened_again_by_a_renewal_once_it_was_found_shut() {
        let (gate, clock) = open(7);
        let term = gate.term().unwrap();
        clock.advance_silently(SECOND);
        assert!(!gate.is_open());
        assert!(!gate.extend(&term, clock.now() + SECOND));
        assert!(!gate.is_open());
    }

    #[test]
    fn is_shut_for_everybody_once_anybody_found_it_shut() {
        let (gate, clock) = open(7);
        let term = gate.term().unwrap();
        // A renewal that is published in two steps, and a look between them.
        assert!(term.extend(clock.now() + SECOND * 2));
        clock.advance_silently(SECOND);
        assert!(!gate.is_open());
        assert!(term.is_current());
        assert!(gate.admit(Duration::ZERO).is_none() && gate.term().is_none());
    }

    #[test]
    fn tells_those_inside_when_it_shuts() {
        let (gate, _clock) = open(7);
        let admission = gate.admit(Duration::ZERO).unwrap();
        assert!(!admission.shut().is_cancelled());
        gate.shut();
        assert!(admission.shut().is_cancelled());
    }

    #[test]
    fn stays_open_over_a_renewal_published_before_anybody_looked() {
        let (gate, clock) = open(7);
        let term = gate.term().unwrap();
        assert!(gate.extend(&term, clock.now() + SECOND * 2));
        clock.advance_silently(SECOND);
        assert!(gate.is_open() && gate.admit(Duration::ZERO).is_some());
    }

    #[test]
    fn is_drained_when_the_last_admission_is_dropped() {
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
    fn a_term_kept_by_a_handler_does_not_hold_up_the_drain() {
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
        assert_eq!((old.term().token(), new.term().token()), (7, 8));
        drop(old);
        assert!(drain.is_finished());
    }

    #[test]
    fn those_of_an_earlier_opening_are_drained_with_the_last() {
        let (gate, clock) = open(7);
        let old = gate.admit(Duration::ZERO).unwrap();
        gate.shut();
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
        assert!(gate.closing().is_empty(), "nobody is remembered for ever");
    }
}

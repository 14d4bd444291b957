use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock, Weak, atomic::Ordering},
    time::Duration,
};

use super::held_lease::HeldLease;
use crate::{
    clock::Moment,
    names::FencingToken,
    sync::{AtomicBool, CancellationToken, WaitForCancellationFutureOwned},
};

/// A term of leadership. Clones are the same term.
///
/// An admitted request carries its term in its extensions. A handler uses it to fence writes to other systems, with
/// [`fence`](Self::fence) or [`token`](Self::token). A term that has ended never becomes current again.
#[derive(Clone)]
pub struct Term(Arc<State>);

struct State {
    token: FencingToken,
    lease: HeldLease,
    /// The lease may go on without the term.
    is_over: AtomicBool,
    /// Cancelled when the gate closes under this term.
    closing: CancellationToken,
    ended: CancellationToken,
    /// The gate's count of admissions under this term. Its type is erased, because the gate depends on the term.
    opening: OnceLock<Weak<dyn Any + Send + Sync>>,
    /// The gate of this node's election. None before the term begins.
    gate: OnceLock<GateId>,
}

/// Distinguishes the gates of a process.
#[derive(Clone, Debug, Default)]
pub(super) struct GateId(Arc<()>);

impl PartialEq for GateId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Term {
    pub(crate) fn new(token: FencingToken, lease: HeldLease) -> Self {
        Self(Arc::new(State {
            token,
            closing: lease.closing(),
            ended: lease.ended(),
            lease,
            is_over: AtomicBool::new(false),
            opening: OnceLock::new(),
            gate: OnceLock::new(),
        }))
    }

    /// The fencing token, larger than those of all earlier terms of this election.
    ///
    /// A storage that rejects tokens smaller than the largest it has seen is protected from a leader that was paused
    /// during a write: see [`fencing`](crate::fencing). [`fence`](Self::fence) adds the token to an HTTP or gRPC
    /// request.
    #[must_use]
    pub fn token(&self) -> FencingToken {
        self.0.token
    }

    /// The time until the lease expires unless it is renewed, or zero once the term has ended.
    ///
    /// Each renewal extends it.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.left().unwrap_or(Duration::ZERO)
    }

    /// Whether this node holds the lease under this term at this instant.
    ///
    /// This is also true while the node warms up, and while it drains admitted requests.
    #[inline]
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.left().is_some()
    }

    /// Returns a token that is cancelled when the gate closes under this term, as a signal to finish.
    ///
    /// The gate closes when the node steps down or shuts down, and when the term ends. On a step-down or a shutdown,
    /// the node holds the lease until the admitted requests have finished or the drain timeout has passed, so that work
    /// in progress can still write. End streams and upgraded connections at this signal, so that they do not delay the
    /// hand-over.
    ///
    /// In a process that was paused, the background task may be late. The first call that finds the deadline passed,
    /// such as [`is_current`](Self::is_current) or [`LeaderHandle::is_leader`](crate::LeaderHandle::is_leader), then
    /// cancels the token.
    ///
    /// Cancelling the returned token has no effect on the term.
    ///
    /// ```
    /// # async fn next_event() -> Option<String> { None }
    /// # fn send(_: String) {}
    /// # async fn example(term: noleader::Term) {
    /// let closing = term.closing();
    /// while let Some(Some(event)) = closing.run_until_cancelled(next_event()).await {
    ///     send(event);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn closing(&self) -> CancellationToken {
        self.0.closing.child_token()
    }

    /// Returns a token that is cancelled when the term ends, as a signal to stop: the lease was lost, or is about to be
    /// released.
    ///
    /// The background task cancels it. In a process that was paused, [`is_current`](Self::is_current) returns false
    /// before that.
    ///
    /// Cancelling the returned token has no effect on the term.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.0.ended.child_token()
    }

    /// Resolves when the term ends.
    pub(crate) fn ended(&self) -> WaitForCancellationFutureOwned {
        self.0.ended.clone().cancelled_owned()
    }

    #[inline]
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.0.lease.left();
        left.filter(|_| !self.0.is_over.load(Ordering::Acquire))
    }

    /// Extends the lease. Returns false if a reader has observed its end.
    pub(super) fn extend(&self, deadline: Moment) -> bool {
        self.0.lease.extend(deadline)
    }

    /// Called once, when the term begins.
    pub(super) fn begun(&self, gate: GateId) {
        let _ = self.0.gate.set(gate);
    }

    /// Whether the term has begun at this gate.
    pub(super) fn is_of(&self, gate: &GateId) -> bool {
        self.0.gate.get() == Some(gate)
    }

    /// Called once, when the gate opens under this term.
    pub(super) fn opened(&self, opening: Weak<dyn Any + Send + Sync>) {
        let _ = self.0.opening.set(opening);
    }

    #[cfg(any(feature = "axum", test))]
    pub(super) fn opening(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0.opening.get()?.upgrade()
    }

    pub(crate) fn close(&self) {
        self.0.closing.cancel();
    }

    pub(super) fn end(&self) {
        self.0.is_over.store(true, Ordering::SeqCst);
        self.0.closing.cancel();
        self.0.ended.cancel();
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Term")
            .field("token", &self.token())
            .field("remaining", &self.remaining())
            .finish()
    }
}

/// Two terms are equal if they are the same term of the same election.
impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Term {}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;
    use crate::clock::FakeClock;

    fn new(token: u64, clock: &FakeClock) -> Term {
        let lease = HeldLease::new(clock.now() + SECOND, clock.clone().into());
        Term::new(token.into(), lease)
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn term() -> (Term, FakeClock) {
        let clock = FakeClock::new();
        (new(7, &clock), clock)
    }

    #[test]
    fn equals_its_clones_and_no_other_term() {
        let (term, _) = term();
        assert_eq!(term, term.clone());
        let clock = FakeClock::new();
        assert_ne!(term, new(7, &clock));
    }

    #[test]
    fn is_current_until_its_deadline() {
        let (term, clock) = term();
        clock.advance(SECOND - Duration::from_nanos(1));
        assert!(term.is_current());
        assert_eq!(term.remaining(), Duration::from_nanos(1));
        clock.advance(Duration::from_nanos(1));
        assert!(!term.is_current());
        assert_eq!(term.remaining(), Duration::ZERO);
    }

    #[test]
    fn is_not_revived_after_an_observed_end() {
        let (term, clock) = term();
        clock.advance(SECOND);
        assert!(!term.is_current());
        assert!(!term.extend(clock.now() + SECOND));
        assert!(!term.is_current());
    }

    #[test]
    fn an_extension_before_the_first_read_counts() {
        let (term, clock) = term();
        assert!(term.extend(clock.now() + SECOND * 2));
        clock.advance(SECOND);
        assert!(term.is_current());
    }

    #[test]
    fn cancelling_a_returned_token_has_no_effect() {
        let (term, _clock) = term();
        term.cancellation().cancel();
        term.closing().cancel();
        assert!(!term.cancellation().is_cancelled() && !term.closing().is_cancelled());
        assert!(term.is_current());
    }

    #[test]
    fn closes_no_later_than_it_ends() {
        let ((left, _), (lost, _)) = (term(), term());
        left.close();
        assert!(left.closing().is_cancelled() && !left.cancellation().is_cancelled());
        assert!(left.is_current());
        lost.end();
        assert!(lost.closing().is_cancelled() && lost.cancellation().is_cancelled());
    }

    #[test]
    fn terms_on_one_lease_end_with_it_and_without_each_other() {
        let clock = FakeClock::new();
        let lease = HeldLease::new(clock.now() + SECOND, clock.clone().into());
        let [a, b, c] = [7, 8, 9].map(|token: u64| Term::new(token.into(), lease.clone()));
        a.end();
        assert!(!a.is_current() && a.cancellation().is_cancelled());
        assert!(b.is_current() && !b.closing().is_cancelled());
        assert!(lease.extend(clock.now() + SECOND * 2));
        assert_eq!(b.remaining(), SECOND * 2);
        assert_eq!(a.remaining(), Duration::ZERO);

        clock.advance_silently(SECOND * 2);
        assert!(!c.is_current());
        assert!(b.closing().is_cancelled(), "one reader signals to all");
        assert!(!lease.extend(clock.now() + SECOND));
        assert!(!b.cancellation().is_cancelled());
        lease.end();
        assert!(b.cancellation().is_cancelled() && c.cancellation().is_cancelled());
    }

    #[test]
    fn ends_for_every_clone_at_once() {
        let (term, _clock) = term();
        let clone = term.clone();
        term.end();
        assert!(!clone.is_current());
        assert!(clone.cancellation().is_cancelled());
    }
}

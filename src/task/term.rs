use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use super::deadline::Deadline;
use crate::{
    clock::{Clock, Moment},
    names::FencingToken,
    sync::{CancellationToken, WaitForCancellationFutureOwned},
};

/// One term of leadership. Clones are the same term.
///
/// An admitted request carries it in its extensions, so that a handler can fence what it writes to another
/// system, with [`fence`](Self::fence) or [`token`](Self::token). A term that is over never becomes current
/// again.
#[derive(Clone)]
pub struct Term(Arc<State>);

struct State {
    token: FencingToken,
    deadline: Deadline,
    clock: Clock,
    /// The gate has shut for good under this term.
    closing: CancellationToken,
    ended: CancellationToken,
    /// What the gate counts admissions by. The gate knows its term, and not the other way round.
    opening: OnceLock<Weak<dyn Any + Send + Sync>>,
}

impl Term {
    pub(crate) fn new(token: FencingToken, deadline: Moment, clock: Clock) -> Self {
        Self(Arc::new(State {
            token,
            deadline: Deadline::new(deadline),
            clock,
            closing: CancellationToken::new(),
            ended: CancellationToken::new(),
            opening: OnceLock::new(),
        }))
    }

    /// The fencing token: larger than those of all earlier terms of this election.
    ///
    /// A storage that remembers the largest token that it has seen, and refuses smaller ones, is safe from a leader
    /// that was paused in the middle of a write: see [`fencing`](crate::fencing). Over HTTP and gRPC,
    /// [`fence`](Self::fence) adds it to a request.
    #[must_use]
    pub fn token(&self) -> FencingToken {
        self.0.token
    }

    /// How much of the lease is left, at this instant. Zero once the term is over.
    ///
    /// A renewal makes it longer; it is not the time until the term ends.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.left().unwrap_or(Duration::ZERO)
    }

    /// Whether the lease is held, at this instant. It still is while admitted requests are drained.
    #[inline]
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.left().is_some()
    }

    /// A token that is cancelled when the gate shuts for good under this term: the node steps down or shuts down, or
    /// the term is over. It says: finish.
    ///
    /// Until the drain timeout, the lease is still held, so that work in progress may be completed and written. A
    /// handler that streams, or a connection that was upgraded, ends here, and does not hold up the hand-over. Each
    /// call returns a token that can be cancelled without an effect on the term.
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

    /// A token that is cancelled when the term ends: the lease was lost, or is about to be released. It says: stop.
    ///
    /// The background task cancels it, so that in a process that was paused [`is_current`](Self::is_current) changes
    /// first. Each call returns a token that can be cancelled without an effect on the term.
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
        self.0.deadline.left(&self.0.clock)
    }

    /// Moves the deadline. False if the term was found to be over before.
    pub(super) fn extend(&self, deadline: Moment) -> bool {
        self.0.deadline.extend(deadline)
    }

    /// The gate was opened under this term, which happens once.
    pub(super) fn opened(&self, opening: Weak<dyn Any + Send + Sync>) {
        let _ = self.0.opening.set(opening);
    }

    #[cfg(any(feature = "axum", test))]
    pub(super) fn opening(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0.opening.get()?.upgrade()
    }

    /// Cancels [`closing`](Self::closing) if the deadline has passed: the gate does not open under this term again,
    /// whatever the background task has noticed.
    pub(crate) fn close_if_over(&self) {
        if !self.is_current() {
            self.close();
        }
    }

    /// The gate has shut for good under this term.
    pub(super) fn close(&self) {
        self.0.closing.cancel();
    }

    /// Ends the term.
    pub(super) fn end(&self) {
        self.0.deadline.end();
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

    const SECOND: Duration = Duration::from_secs(1);

    fn term() -> (Term, FakeClock) {
        let clock = FakeClock::new();
        let deadline = clock.now() + SECOND;
        (Term::new(7.into(), deadline, clock.clone().into()), clock)
    }

    #[test]
    fn equals_its_clones_and_no_other_term() {
        let (term, _) = term();
        assert_eq!(term, term.clone());
        let clock = FakeClock::new();
        assert_ne!(
            term,
            Term::new(7.into(), clock.now() + SECOND, clock.into())
        );
    }

    #[test]
    fn is_current_up_to_its_deadline_and_not_at_it() {
        let (term, clock) = term();
        clock.advance(SECOND - Duration::from_nanos(1));
        assert!(term.is_current());
        assert_eq!(term.remaining(), Duration::from_nanos(1));
        clock.advance(Duration::from_nanos(1));
        assert!(!term.is_current());
        assert_eq!(term.remaining(), Duration::ZERO);
    }

    #[test]
    fn is_not_revived_once_it_was_found_to_be_over() {
        let (term, clock) = term();
        clock.advance(SECOND);
        assert!(!term.is_current());
        assert!(!term.extend(clock.now() + SECOND));
        assert!(!term.is_current());
    }

    #[test]
    fn an_extension_published_before_anybody_looked_counts() {
        let (term, clock) = term();
        assert!(term.extend(clock.now() + SECOND * 2));
        clock.advance(SECOND);
        assert!(term.is_current());
    }

    #[test]
    fn cancelling_one_of_its_tokens_does_not_end_it() {
        let (term, _clock) = term();
        term.cancellation().cancel();
        term.closing().cancel();
        assert!(!term.cancellation().is_cancelled() && !term.closing().is_cancelled());
        assert!(term.is_current());
    }

    #[test]
    fn closes_before_it_ends_and_with_its_end_at_the_latest() {
        let ((left, _), (lost, _)) = (term(), term());
        left.close();
        assert!(left.closing().is_cancelled() && !left.cancellation().is_cancelled());
        assert!(left.is_current());
        lost.end();
        assert!(lost.closing().is_cancelled() && lost.cancellation().is_cancelled());
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

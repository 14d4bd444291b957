use std::{fmt, sync::Arc, time::Duration};

use super::Deadline;
use crate::{
    clock::{Clock, Moment},
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
    token: u64,
    deadline: Deadline,
    clock: Clock,
    ended: CancellationToken,
}

impl Term {
    pub(crate) fn new(token: u64, deadline: Moment, clock: Clock) -> Self {
        Self(Arc::new(State {
            token,
            deadline: Deadline::new(deadline),
            clock,
            ended: CancellationToken::new(),
        }))
    }

    /// The fencing token: larger than those of all earlier terms of this election.
    ///
    /// A storage that remembers the largest token it has seen and refuses smaller ones is safe from a
    /// leader that was paused in the middle of a write: see [`fencing`](crate::fencing). Over HTTP and
    /// gRPC, [`fence`](Self::fence) puts it into the request.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.0.token
    }

    /// How much of the lease is left, at this instant. Zero once the term is over.
    ///
    /// A renewal makes it longer; it is not the time until the term ends.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.left().unwrap_or(Duration::ZERO)
    }

    /// Whether the lease is held, at this instant. It stays so while admitted requests are drained.
    #[inline]
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.left().is_some()
    }

    /// A token that is cancelled when the term ends: the lease was lost, or is about to be released.
    ///
    /// It is cancelled by the background task, so that a process that was paused sees
    /// [`is_current`](Self::is_current) change first. Each call gives a token of its own: to cancel it ends
    /// what waits for it, and not the term.
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

    /// Moves the deadline on. False if the term was found to be over before.
    pub(super) fn extend(&self, deadline: Moment) -> bool {
        self.0.deadline.extend(deadline)
    }

    /// Ends the term.
    pub(super) fn end(&self) {
        self.0.deadline.end();
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
        (Term::new(7, deadline, clock.clone().into()), clock)
    }

    #[test]
    fn equals_its_clones_and_no_other_term() {
        let (term, _) = term();
        assert_eq!(term, term.clone());
        let clock = FakeClock::new();
        assert_ne!(term, Term::new(7, clock.now() + SECOND, clock.into()));
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
    fn is_not_ended_by_who_cancels_a_token_of_it() {
        let (term, _clock) = term();
        term.cancellation().cancel();
        assert!(!term.cancellation().is_cancelled());
        assert!(term.is_current());
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

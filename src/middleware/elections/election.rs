use std::{fmt, future::Future, ops::Deref, pin::Pin, time::Duration};

use crate::task::{Admission, NotLeader, Term};

/// Resolves at a change of an election after the first poll. False if there will be no further changes.
pub type Changed = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Counts a request as held until it is dropped.
pub type Guard = Box<dyn fmt::Debug + Send>;

/// One election as its node sees it.
pub trait Election: Send + Sync {
    /// Admits a request if this node leads at this instant and at least `min_remaining` of the lease is left.
    ///
    /// # Errors
    ///
    /// The reason to refuse the request.
    fn admit_for(&self, min_remaining: Duration) -> Result<Admission, NotLeader>;

    /// The reason to refuse a request at this instant.
    fn not_leader(&self) -> NotLeader;

    /// Waits for a change of this election: of its status, or a renewal. A change of another election does not count.
    fn changed(&self) -> Changed;

    /// Counts a request that waits for the outcome of this election.
    fn hold(&self) -> Guard;

    /// Whether this is a term of this node in this election, past or present.
    fn owns(&self, term: &Term) -> bool;

    /// The same election, for a request that is held.
    fn boxed(&self) -> Box<dyn Election>;
}

/// A reference or a box.
impl<P> Election for P
where
    P: Deref<Target: Election> + Send + Sync,
{
    #[inline]
    fn admit_for(&self, min_remaining: Duration) -> Result<Admission, NotLeader> {
        self.deref().admit_for(min_remaining)
    }

    fn not_leader(&self) -> NotLeader {
        self.deref().not_leader()
    }

    fn changed(&self) -> Changed {
        self.deref().changed()
    }

    fn hold(&self) -> Guard {
        self.deref().hold()
    }

    fn owns(&self, term: &Term) -> bool {
        self.deref().owns(term)
    }

    fn boxed(&self) -> Box<dyn Election> {
        self.deref().boxed()
    }
}

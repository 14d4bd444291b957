use std::sync::Arc;

use super::term::Term;
use crate::sync::CancellationToken;

/// A term that this node holds, and what the gate was opened for under it, if it was.
#[derive(Debug)]
pub(super) struct Opening {
    term: Term,
    /// Cancelled once the gate has shut and the last admitted request has finished.
    drained: Option<CancellationToken>,
}

impl Opening {
    pub(super) fn open(term: Term) -> Arc<Self> {
        let opening = Arc::new(Self {
            term,
            drained: Some(CancellationToken::new()),
        });
        let weak = Arc::downgrade(&opening);
        opening.term.opened(weak);
        opening
    }

    pub(super) fn shut(term: Term) -> Arc<Self> {
        Arc::new(Self {
            term,
            drained: None,
        })
    }

    #[inline]
    pub(super) fn term(&self) -> &Term {
        &self.term
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.drained.is_some()
    }

    pub(super) fn drained(&self) -> Option<CancellationToken> {
        self.drained.clone()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(drained) = &self.drained {
            drained.cancel();
        }
    }
}

/// The right to act as the leader, from [`LeaderHandle::admit`](crate::LeaderHandle::admit).
///
/// While an admission exists, a step-down or a shutdown delays the release of the lease, up to the drain timeout.
/// Drop it when the work that it stands for is done. Work that goes on for long ends when
/// [`Term::closing`] is cancelled.
#[derive(Debug)]
#[must_use = "the work is admitted for as long as this lives"]
pub struct Admission {
    opening: Arc<Opening>,
}

impl Admission {
    #[inline]
    pub(super) fn new(opening: Arc<Opening>) -> Self {
        Self { opening }
    }

    /// Another admission for a request that was admitted under `term` and is still in progress. None once every
    /// request of that opening has finished.
    #[cfg(any(feature = "axum", test))]
    pub(crate) fn of(term: &Term) -> Option<Self> {
        let opening = term.opening()?.downcast().ok()?;
        Some(Self { opening })
    }

    /// The term under which the work was admitted.
    #[inline]
    #[must_use]
    pub fn term(&self) -> &Term {
        &self.opening.term
    }
}

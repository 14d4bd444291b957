use std::sync::Arc;

use super::term::Term;
use crate::sync::CancellationToken;

/// A held term, and whether the gate is open under it. An open one lives as long as an admission under it.
#[derive(Debug)]
pub(super) struct Opening {
    term: Term,
    /// Cancelled once the gate has closed and the last admitted request has finished. None if the gate is closed.
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

/// Admitted work, from [`LeaderHandle::admit`](crate::LeaderHandle::admit).
///
/// Hold the admission for as long as the work runs. A step-down or a shutdown releases the lease only when every
/// admission is dropped, or after the drain timeout. Long-running work should finish when [`Term::closing`] is
/// cancelled.
///
/// ```
/// # async fn write(_: noleader::FencingToken) {}
/// # async fn example(leader: noleader::LeaderHandle) -> Result<(), noleader::NotLeader> {
/// let admission = leader.admit()?;
/// write(admission.term().token()).await;
/// drop(admission); // the work is done
/// # Ok(()) }
/// ```
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

    /// Returns another admission for a request in progress under `term`, or none once the term is over or every request of
    /// that opening has finished.
    #[cfg(any(feature = "axum", test))]
    pub(crate) fn of(term: &Term) -> Option<Self> {
        let opening = term.opening()?.downcast().ok()?;
        let admission = Self { opening };
        // Counted first, so that the lease is not given back after this look.
        term.is_current().then_some(admission)
    }

    /// The term under which the work was admitted.
    #[inline]
    #[must_use]
    pub fn term(&self) -> &Term {
        &self.opening.term
    }
}

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use thiserror::Error;

use crate::{
    sync::WaitForCancellationFutureOwned,
    task::{Admission, Term},
};

/// The term of a request ended while the request was in progress.
///
/// The request may have been executed, in part or as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("leadership was lost while the request was in progress; it may have been executed")]
#[non_exhaustive]
pub struct TermLost;

/// The admission of a request in progress, and whether the request ends with its term.
pub(super) struct Admitted {
    admission: Admission,
    /// Set if the request ends with its term.
    loss: Option<Loss>,
}

#[derive(Default)]
struct Loss {
    /// Made once the request has to wait, because most requests end before.
    ended: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Admitted {
    #[inline]
    pub(super) fn new(admission: Admission, cancel_on_loss: bool) -> Self {
        Self {
            admission,
            loss: cancel_on_loss.then(Loss::default),
        }
    }

    /// Whether the request has to end. Compares the deadline with the clock on each call: in a process that was paused,
    /// the background task may not have noticed the end yet.
    #[inline]
    pub(super) fn is_lost(&self) -> bool {
        self.loss.is_some() && !self.admission.term().is_current()
    }

    /// Waits until the request has to end.
    #[inline]
    pub(super) fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.loss {
            Some(loss) => loss.poll(self.admission.term(), cx),
            None => Poll::Pending,
        }
    }

    /// The request can no longer be cut off.
    pub(super) fn is_complete(&mut self) {
        self.loss = None;
    }
}

impl Loss {
    fn poll(&mut self, term: &Term, cx: &mut Context<'_>) -> Poll<()> {
        let ended = self.ended.get_or_insert_with(|| Box::pin(term.ended()));
        ended.as_mut().poll(cx)
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted")
            .field("admission", &self.admission)
            .field("cancel_on_loss", &self.loss.is_some())
            .finish()
    }
}

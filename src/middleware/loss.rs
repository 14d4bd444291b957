use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use thiserror::Error;

use crate::{sync::WaitForCancellationFutureOwned, task::Term};

/// The term of a request ended while the request was in progress.
///
/// The request may have been executed, in part or as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("leadership was lost while the request was in progress; it may have been executed")]
#[non_exhaustive]
pub struct TermLost;

/// Waits for the end of the term under which a request was admitted.
pub(super) struct Loss {
    term: Term,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Loss {
    pub(super) fn of(term: &Term) -> Self {
        Self {
            term: term.clone(),
            ended: Box::pin(term.ended()),
        }
    }

    /// Ready once the term has ended. Compares the deadline with the clock on each call: in a process that was paused,
    /// the background task may not have noticed the end yet.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.term.is_current() {
            self.ended.as_mut().poll(cx)
        } else {
            Poll::Ready(())
        }
    }
}

impl fmt::Debug for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Loss").field(&self.term).finish()
    }
}

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::cell::{Cell, Waiter};

/// A model of `tokio_util::sync::CancellationToken`.
#[derive(Clone, Debug)]
pub struct CancellationToken(Arc<Cell<bool>>);

impl CancellationToken {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Cell::new(false)))
    }

    /// Sufficient because the models have one term for each lease, and cancel no token that a term has given out.
    pub(crate) fn child_token(&self) -> Self {
        self.clone()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.read(|cancelled| *cancelled)
    }

    pub(crate) fn cancel(&self) {
        self.0.change(|cancelled| *cancelled = true);
        self.0.wake();
    }

    pub(crate) fn cancelled(&self) -> WaitForCancellationFutureOwned {
        self.clone().cancelled_owned()
    }

    pub(crate) fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellationFutureOwned(Waiter::new(&self.0))
    }
}

#[derive(Debug)]
pub(crate) struct WaitForCancellationFutureOwned(Waiter<bool>);

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx, |cancelled| cancelled.then_some(()))
    }
}

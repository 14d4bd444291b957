use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::cell::{Cell, Waiter};

/// A model of `tokio::sync::Notify` with `notify_waiters` only.
#[derive(Debug)]
pub(crate) struct Notify(Arc<Cell<usize>>);

impl Notify {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Cell::new(0)))
    }

    pub(crate) fn notify_waiters(&self) {
        self.0.change(|notified| *notified += 1);
        self.0.wake();
    }

    /// Receives every notification after this call, even before the first poll.
    pub(crate) fn notified(&self) -> Notified<'_> {
        Notified {
            seen: self.0.read(|notified| *notified),
            waiter: Waiter::new(&self.0),
            notify: PhantomData,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Notified<'a> {
    seen: usize,
    waiter: Waiter<usize>,
    notify: PhantomData<&'a Notify>,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let seen = self.seen;
        self.waiter
            .poll(cx, |notified| (*notified != seen).then_some(()))
    }
}

use std::sync::Arc;

use crate::sync::watch;

/// The number of requests that wait for the outcome of an election.
#[derive(Debug)]
pub(crate) struct Holding(Arc<watch::Sender<usize>>);

/// One of these requests, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held(Arc<watch::Sender<usize>>);

impl Holding {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    pub(crate) fn hold(&self) -> Held {
        change(&self.0, |held| *held += 1);
        Held(self.0.clone())
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self.0.borrow() == 0
    }

    /// Waits until no request waits. Cancel safe.
    pub(crate) async fn emptied(&self) {
        // Cannot fail, because the sender lives.
        let _ = self.0.subscribe().wait_for(|held| *held == 0).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        change(&self.0, |held| *held -= 1);
    }
}

fn change(held: &watch::Sender<usize>, change: impl FnOnce(&mut usize)) {
    held.send_if_modified(|held| {
        change(held);
        true
    });
}

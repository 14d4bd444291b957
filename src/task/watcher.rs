use std::{pin::Pin, sync::Arc, time::Duration};

use futures_core::Stream;
use futures_util::{StreamExt, stream};

use crate::{
    clock::Clock,
    store::{LeaseStore, Observation, Watch},
};

/// A watch of the key that never ends: it is opened again after every error, and when it has gone deaf.
///
/// A watch can be silent for longer than the server (10 s, where writes failed for 6 s), or for ever after
/// its bucket was made again. What reads and acknowledgements show, a working watch shows as well, so
/// that one that misses two of them in a row is replaced.
pub(super) struct Watcher {
    open: Box<dyn Fn() -> Pushes + Send>,
    pushes: Pushes,
    last_pushed: u64,
    missed: bool,
}

type Pushes = Pin<Box<dyn Stream<Item = Observation> + Send>>;

impl Watcher {
    pub(super) fn new(store: Arc<impl LeaseStore>, clock: Clock, pause: Duration) -> Self {
        let open = Box::new(move || pushes(store.clone(), clock.clone(), pause));
        Self {
            pushes: open(),
            open,
            last_pushed: 0,
            missed: false,
        }
    }

    /// The next state of the key that is pushed. Cancel safe.
    pub(super) async fn next(&mut self) -> Observation {
        match self.pushes.next().await {
            Some(seen) => {
                self.last_pushed = seen.revision;
                self.missed = false;
                seen
            }
            // Not reached: the stream has no end.
            None => std::future::pending().await,
        }
    }

    /// Compares the watch with a revision that the key is known to have had.
    pub(super) fn compare(&mut self, revision: u64) {
        if revision == 0 || revision == self.last_pushed {
            self.missed = false;
        } else if std::mem::replace(&mut self.missed, true) {
            tracing::debug!(
                revision,
                self.last_pushed,
                "the watch is behind; opening it again"
            );
            self.reopen();
        }
    }

    pub(super) fn reopen(&mut self) {
        self.missed = false;
        self.pushes = (self.open)();
    }
}

fn pushes(store: Arc<impl LeaseStore>, clock: Clock, pause: Duration) -> Pushes {
    let state = (store, clock, None::<Watch>);
    Box::pin(stream::unfold(
        state,
        move |(store, clock, mut watch)| async move {
            loop {
                let failed = match &mut watch {
                    None => match store.watch().await {
                        Ok(opened) => {
                            watch = Some(opened);
                            continue;
                        }
                        Err(error) => Some(error),
                    },
                    Some(open) => match open.next().await {
                        Some(Ok(seen)) => return Some((seen, (store, clock, watch))),
                        Some(Err(error)) => Some(error),
                        None => None,
                    },
                };
                tracing::debug!(error = ?failed, "the watch failed; opening it again");
                watch = None;
                let again = clock.now() + pause.mul_f64(0.5 + fastrand::f64());
                clock.sleep_until(again).await;
            }
        },
    ))
}

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
};

use futures_core::Stream;
use futures_util::{
    StreamExt,
    stream::{self, AbortHandle, SelectAll},
};

use crate::{
    shards::protocol::{Input, Key},
    store::{Delivery, ShardStore, StoreError},
};

/// The watches of the bucket that are open or being opened: one, or two while one replaces the other.
pub(super) struct Watches<S> {
    store: Arc<S>,
    open: SelectAll<Pin<Box<dyn Stream<Item = Event> + Send>>>,
    handles: BTreeMap<u64, AbortHandle>,
    /// Those that have not delivered anything.
    silent: BTreeSet<u64>,
    /// A watch that was closed before it delivered anything. It is kept to log its error, which comes later than the
    /// protocol waits.
    failing: Option<u64>,
}

/// An event of a watch.
pub(super) struct Event {
    pub(super) input: Input,
    /// Why the watch has ended.
    pub(super) error: Option<StoreError>,
}

impl<S: ShardStore> Watches<S> {
    pub(super) fn new(store: Arc<S>) -> Self {
        Self {
            store,
            open: SelectAll::new(),
            handles: BTreeMap::new(),
            silent: BTreeSet::new(),
            failing: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn open(&mut self, watch: u64, after: u64) {
        let store = self.store.clone();
        let events = stream::once(async move { store.watch(after).await });
        let events = events.flat_map(move |opened| match opened {
            Err(error) => stream::once(async move { ended(watch, Some(error)) }).boxed(),
            Ok(open) => {
                let first = Event {
                    input: Input::Watching {
                        watch,
                        epoch: open.epoch().created_at(),
                        last: open.last_revision(),
                    },
                    error: None,
                };
                let rest = open.map(move |delivery| match delivery {
                    Ok(delivery) => delivered(watch, delivery),
                    Err(error) => ended(watch, Some(error)),
                });
                let end = stream::once(async move { ended(watch, None) });
                stream::once(async { first }).chain(rest).chain(end).boxed()
            }
        });
        let (events, handle) = stream::abortable(events);
        self.open.push(Box::pin(events));
        self.silent.insert(watch);
        if let Some(earlier) = self.handles.insert(watch, handle) {
            earlier.abort();
        }
    }

    pub(super) fn close(&mut self, watch: u64) {
        if self.silent.contains(&watch) && self.failing.is_none() {
            self.failing = Some(watch);
        } else {
            self.abort(watch);
        }
    }

    /// Waits for the next event, if there is a watch. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Event> {
        let event = self.open.next().await?;
        match event.input {
            Input::WatchEnded { watch } => self.abort(watch),
            Input::Delivered { watch, .. } | Input::CaughtUp { watch, .. } => {
                self.silent.remove(&watch);
                if self.failing == Some(watch) {
                    self.abort(watch);
                }
            }
            _ => {}
        }
        Some(event)
    }

    fn abort(&mut self, watch: u64) {
        self.silent.remove(&watch);
        self.failing.take_if(|failing| *failing == watch);
        if let Some(handle) = self.handles.remove(&watch) {
            handle.abort();
        }
    }
}

fn delivered(watch: u64, delivery: Delivery) -> Event {
    let input = match delivery {
        Delivery::Record { index, key, seen } => Input::Delivered {
            watch,
            index,
            key: Key::parse(&key),
            seen,
        },
        Delivery::CaughtUp { index } => Input::CaughtUp { watch, index },
    };
    Event { input, error: None }
}

fn ended(watch: u64, error: Option<StoreError>) -> Event {
    Event {
        input: Input::WatchEnded { watch },
        error,
    }
}

//! A model of `tokio::sync::watch`. A borrow is a copy, so a sender does not wait for borrows to end.

use std::{future::poll_fn, mem, ops::Deref, sync::Arc};

use super::cell::{Cell, Waiter};

#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Cell<State<T>>>);

#[derive(Debug)]
struct State<T> {
    value: Arc<T>,
    version: usize,
    is_closed: bool,
}

impl<T: Clone> Sender<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Cell::new(State {
            value: Arc::new(value),
            version: 0,
            is_closed: false,
        })))
    }

    pub(crate) fn subscribe(&self) -> Receiver<T> {
        Receiver {
            seen: self.0.read(|state| state.version),
            cell: self.0.clone(),
        }
    }

    pub(crate) fn borrow(&self) -> Ref<T> {
        Ref(self.0.read(|state| state.value.clone()))
    }

    pub(crate) fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let modified = self.0.change(|state| {
            let modified = modify(Arc::make_mut(&mut state.value));
            state.version += usize::from(modified);
            modified
        });
        if modified {
            self.0.wake();
        }
        modified
    }

    pub(crate) fn send_replace(&self, mut value: T) -> T {
        self.send_if_modified(|old| {
            mem::swap(old, &mut value);
            true
        });
        value
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.change(|state| state.is_closed = true);
        self.0.wake();
    }
}

#[derive(Debug)]
pub struct Receiver<T> {
    cell: Arc<Cell<State<T>>>,
    seen: usize,
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self {
            cell: self.cell.clone(),
            seen: self.seen,
        }
    }
}

impl<T> Receiver<T> {
    pub(crate) fn borrow_and_update(&mut self) -> Ref<T> {
        let (value, seen) = self.cell.read(|state| (state.value.clone(), state.version));
        self.seen = seen;
        Ref(value)
    }

    pub(crate) fn mark_unchanged(&mut self) {
        self.seen = self.cell.read(|state| state.version);
    }

    pub(crate) async fn changed(&mut self) -> Result<(), Closed> {
        let seen = self.seen;
        let mut waiter = Waiter::new(&self.cell);
        self.seen = poll_fn(|cx| {
            waiter.poll(cx, |state| {
                let changed = (state.version != seen).then_some(Ok(state.version));
                changed.or_else(|| state.is_closed.then_some(Err(Closed)))
            })
        })
        .await?;
        Ok(())
    }

    pub(crate) async fn wait_for(
        &mut self,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Result<Ref<T>, Closed> {
        loop {
            let value = self.borrow_and_update();
            if wanted(&value) {
                return Ok(value);
            }
            self.changed().await?;
        }
    }
}

/// Every sender was dropped.
#[derive(Debug)]
pub(crate) struct Closed;

#[derive(Debug)]
pub(crate) struct Ref<T>(Arc<T>);

impl<T> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

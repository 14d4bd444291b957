use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use loom::sync::atomic::{AtomicUsize, Ordering};

/// A value that is read or changed in one step, with the tasks that wait for a change.
///
/// loom switches threads only at operations on its own types. A step on `order` and the following use of the value are
/// therefore one step, as long as no type of loom is used while the value is borrowed. Wakers are such types.
#[derive(Debug)]
pub(super) struct Cell<T> {
    order: AtomicUsize,
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    value: T,
    waiters: Vec<(usize, Waker)>,
    last: usize,
}

impl<T> Cell<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            order: AtomicUsize::new(0),
            inner: Mutex::new(Inner {
                value,
                waiters: Vec::new(),
                last: 0,
            }),
        }
    }

    /// Reads the newest value. A read does not synchronize with later reads.
    pub(super) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        // Only a read-modify-write operation is certain to read the newest value.
        self.order.fetch_add(0, Ordering::Acquire);
        look(&self.lock().value)
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.order.fetch_add(1, Ordering::AcqRel);
        change(&mut self.lock().value)
    }

    /// Wakes every task that waits now.
    pub(super) fn wake(&self) {
        self.order.fetch_add(1, Ordering::AcqRel);
        let waiters = mem::take(&mut self.lock().waiters);
        for (_, waker) in waiters {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waiting task. Dropping it removes its waker, so that no task is woken for a dropped future.
#[derive(Debug)]
pub(super) struct Waiter<T> {
    cell: Arc<Cell<T>>,
    registered: Option<usize>,
}

impl<T> Waiter<T> {
    pub(super) fn new(cell: &Arc<Cell<T>>) -> Self {
        Self {
            cell: cell.clone(),
            registered: None,
        }
    }

    /// Reads the value and, if `look` returns none, registers the task's waker, in one step.
    pub(super) fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        look: impl FnOnce(&mut T) -> Option<R>,
    ) -> Poll<R> {
        self.forget();
        let waker = cx.waker().clone();
        self.cell.order.fetch_add(1, Ordering::AcqRel);
        let mut inner = self.cell.lock();
        if let Some(found) = look(&mut inner.value) {
            drop(inner);
            return Poll::Ready(found);
        }
        inner.last += 1;
        self.registered = Some(inner.last);
        let waiter = (inner.last, waker);
        inner.waiters.push(waiter);
        Poll::Pending
    }

    fn forget(&mut self) {
        if let Some(registered) = self.registered.take() {
            let mut inner = self.cell.lock();
            let place = inner.waiters.iter().position(|(it, _)| *it == registered);
            let gone = place.map(|place| inner.waiters.remove(place));
            drop(inner);
            drop(gone);
        }
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        self.forget();
    }
}

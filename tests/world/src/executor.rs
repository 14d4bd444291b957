//! The tasks of a run, and which of them were woken.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a task runs, which decides what stops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A task of the library: the background task of the election, or a warm-up. It may be starved.
    Background,
    /// A request or a work loop, on the same runtime.
    Runtime,
    /// A separate thread: it continues when the runtime ends, and ends with the process.
    Thread,
}

/// A task that is about to start.
pub(crate) struct Spawned {
    pub(crate) node: usize,
    pub(crate) place: Place,
    /// The public future that it drives, for reports.
    pub(crate) name: &'static str,
    /// Whether it may be dropped while it waits.
    pub(crate) is_fragile: bool,
    pub(crate) future: BoxFuture,
}

pub(crate) struct Task {
    pub(crate) node: usize,
    pub(crate) place: Place,
    pub(crate) name: &'static str,
    pub(crate) is_fragile: bool,
    future: BoxFuture,
    woken: Arc<Woken>,
    waker: Waker,
    /// Whether a run of it is scheduled.
    pub(crate) is_scheduled: bool,
}

#[derive(Default)]
pub(crate) struct Executor {
    tasks: Vec<Option<Task>>,
    ready: Arc<Mutex<Vec<usize>>>,
}

/// The waker of one task.
struct Woken {
    task: usize,
    is_woken: AtomicBool,
    ready: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        if !self.is_woken.swap(true, Ordering::Relaxed) {
            let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            ready.push(self.task);
        }
    }
}

impl Executor {
    /// Adds a task, which is woken.
    pub(crate) fn add(&mut self, spawned: Spawned) {
        let woken = Arc::new(Woken {
            task: self.tasks.len(),
            is_woken: AtomicBool::new(false),
            ready: self.ready.clone(),
        });
        let waker = Waker::from(woken.clone());
        waker.wake_by_ref();
        self.tasks.push(Some(Task {
            node: spawned.node,
            place: spawned.place,
            name: spawned.name,
            is_fragile: spawned.is_fragile,
            future: spawned.future,
            woken,
            waker,
            is_scheduled: false,
        }));
    }

    pub(crate) fn get(&mut self, task: usize) -> Option<&mut Task> {
        self.tasks[task].as_mut()
    }

    /// The node of the task, if it is one of the library's own.
    pub(crate) fn background(&self, task: usize) -> Option<usize> {
        let task = self.tasks[task].as_ref()?;
        (task.place == Place::Background).then_some(task.node)
    }

    /// The tasks that were woken since the last call and are not scheduled yet. Their order does not depend on the
    /// order in which they were woken, which tokio's channels do not define.
    pub(crate) fn take_woken(&mut self) -> Vec<usize> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let mut woken = mem::take(&mut *ready);
        drop(ready);
        woken.sort_unstable();
        woken.retain(|task| match &mut self.tasks[*task] {
            Some(task) => !mem::replace(&mut task.is_scheduled, true),
            None => false,
        });
        woken
    }

    /// Polls a task, and drops it at its end.
    pub(crate) fn run(&mut self, index: usize) {
        let Some(task) = &mut self.tasks[index] else {
            return;
        };
        task.is_scheduled = false;
        task.woken.is_woken.store(false, Ordering::Relaxed);
        let mut context = Context::from_waker(&task.waker);
        if let Poll::Ready(()) = task.future.as_mut().poll(&mut context) {
            self.tasks[index] = None;
        }
    }

    pub(crate) fn drop_task(&mut self, index: usize) {
        self.tasks[index] = None;
    }

    /// Drops the tasks for which `is_doomed` holds.
    pub(crate) fn drop_tasks(&mut self, is_doomed: impl Fn(&Task) -> bool) {
        for slot in &mut self.tasks {
            if slot.as_ref().is_some_and(&is_doomed) {
                *slot = None;
            }
        }
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().flatten()
    }
}

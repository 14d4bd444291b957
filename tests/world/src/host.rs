//! The world, as the code of one process reaches it.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use noleader::{
    Term,
    clock::Clock,
    runtime::{BoxFuture, Random, Runtime, Spawn, Spawner},
    test_util::FakeClock,
};
use tokio_util::sync::CancellationToken;

use crate::{
    executor::{Place, Spawned},
    fact::Fact,
    world::World,
};

/// A world that runs processes.
pub(crate) trait Runs: Send + 'static {
    /// Whether the process `session` still runs on the node.
    fn lives(&self, node: usize, session: u64) -> bool;

    /// What the processes of the node read.
    fn shown(&self, node: usize) -> FakeClock;

    /// Starts a task.
    fn spawn(&mut self, spawned: Spawned);

    /// Whether the background task of the node is paused before its next step.
    fn is_held_up(&mut self, node: usize) -> bool;

    /// It goes on.
    fn goes_on(&mut self, node: usize);
}

/// The state that the world and all code in it share.
pub(crate) struct Shared<W = World>(Arc<Mutex<W>>);

impl<W> Clone for Shared<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W> Shared<W> {
    pub(crate) fn new(world: W) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, W> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// A process in the world. Its calls have no effect once it is dead.
pub(crate) struct Host<W = World> {
    shared: Shared<W>,
    pub(crate) node: usize,
    pub(crate) session: u64,
}

impl<W> Clone for Host<W> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            ..*self
        }
    }
}

impl<W: Runs> Host<W> {
    pub(crate) fn new(shared: Shared<W>, node: usize, session: u64) -> Self {
        Self {
            shared,
            node,
            session,
        }
    }

    /// Does something in the world, unless the process is dead.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut W) -> T) -> Option<T> {
        let mut world = self.shared.lock();
        world
            .lives(self.node, self.session)
            .then(|| act(&mut world))
    }

    pub(crate) fn clock(&self) -> Clock {
        let world = self.shared.lock();
        world.shown(self.node).into()
    }

    /// Sleeps for `nanos` nanoseconds on the clock of the node.
    pub(crate) fn sleep(&self, nanos: u64) -> impl Future<Output = ()> + use<W> {
        self.clock().sleep(std::time::Duration::from_nanos(nanos))
    }

    fn spawn_in(
        &self,
        place: Place,
        name: &'static str,
        is_fragile: bool,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let node = self.node;
        self.with(|world| {
            world.spawn(Spawned {
                node,
                place,
                name,
                is_fragile,
                future: Box::pin(future),
            });
        });
    }

    /// Spawns a task on the runtime of the process.
    pub(crate) fn task(
        &self,
        name: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        self.spawn_in(Place::Runtime, name, false, future);
    }

    /// Spawns a task on the runtime of the process that may be dropped while it waits.
    pub(crate) fn fragile(
        &self,
        name: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        self.spawn_in(Place::Runtime, name, true, future);
    }

    /// Runs a future, which may be dropped while it waits, on a separate thread.
    pub(crate) fn thread(
        &self,
        name: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        self.spawn_in(Place::Thread, name, true, future);
    }

    /// Where the code of the process takes time, tasks and random numbers from.
    pub(crate) fn runtime(&self, clock: FakeClock, seed: u64) -> Runtime {
        Runtime {
            clock: clock.into(),
            spawner: Spawner::new(self.clone()),
            random: Random::seeded(seed),
        }
    }
}

impl Host {
    pub(crate) fn fact(&self, fact: &Fact<'_>) {
        self.with(|world| world.fact(self.node, fact));
    }

    /// Checks that work in a process that was paused has the signal before it continues.
    pub(crate) fn check_own_signal(&self, term: &Term, closing: &CancellationToken) {
        let was_signalled = closing.is_cancelled();
        if !was_signalled && !term.is_current() {
            self.with(|world| {
                let what = "work goes on after its term without a signal".to_owned();
                world.violate("work", what);
            });
        }
    }

    /// Checks that work which finds its term ended also finds the signal to finish, even right after a pause.
    pub(crate) fn check_signal(&self, term: &Term) {
        if !term.is_current() && !term.closing().is_cancelled() {
            self.with(|world| {
                let what = "work goes on after its term without a signal to finish".to_owned();
                world.violate("waiters", what);
            });
        }
    }
}

impl<W: Runs> Spawn for Host<W> {
    fn spawn(&self, task: BoxFuture) {
        self.spawn_in(Place::Background, "background task", false, task);
    }

    /// Resolves after the pause that the world has chosen for this step, if any.
    fn step(&self) -> BoxFuture {
        let host = self.clone();
        Box::pin(async move {
            if host.with(|world| world.is_held_up(host.node)) == Some(true) {
                yield_now().await;
                host.with(|world| world.goes_on(host.node));
            }
        })
    }
}

/// Lets the world decide when the task continues.
pub(crate) async fn yield_now() {
    let mut is_first = true;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut is_first, false) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

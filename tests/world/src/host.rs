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

/// The state that the world and all code in it share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// A process in the world. Its calls have no effect once it is dead.
#[derive(Clone)]
pub(crate) struct Host {
    shared: Shared,
    pub(crate) node: usize,
    pub(crate) session: u64,
}

impl Host {
    pub(crate) fn new(shared: Shared, node: usize, session: u64) -> Self {
        Self {
            shared,
            node,
            session,
        }
    }

    /// Does something in the world, unless the process is dead.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> Option<T> {
        let mut world = self.shared.lock();
        world
            .lives(self.node, self.session)
            .then(|| act(&mut world))
    }

    pub(crate) fn fact(&self, fact: &Fact<'_>) {
        self.with(|world| world.fact(self.node, fact));
    }

    pub(crate) fn clock(&self) -> Clock {
        let world = self.shared.lock();
        world.nodes[self.node].shown.clone().into()
    }

    /// Sleeps for `nanos` nanoseconds on the clock of the node.
    pub(crate) fn sleep(&self, nanos: u64) -> impl Future<Output = ()> + use<> {
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
            world.spawned.push(Spawned {
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

    /// Where the code of the process takes time, tasks and random numbers from.
    pub(crate) fn runtime(&self, clock: FakeClock, seed: u64) -> Runtime {
        Runtime {
            clock: clock.into(),
            spawner: Spawner::new(self.clone()),
            random: Random::seeded(seed),
        }
    }
}

impl Spawn for Host {
    fn spawn(&self, task: BoxFuture) {
        self.spawn_in(Place::Background, "background task", false, task);
    }

    /// Resolves after the pause that the world has chosen for this step, if any.
    fn step(&self) -> BoxFuture {
        let host = self.clone();
        Box::pin(async move {
            if host.with(|world| world.is_held_up(host.node)) == Some(true) {
                yield_now().await;
                host.with(|world| world.nodes[host.node].process.is_mid_turn = false);
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

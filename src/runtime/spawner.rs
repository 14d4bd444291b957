use std::{fmt, future::Future, pin::Pin, sync::Arc};

/// A task.
pub type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts tasks: on Tokio, or in a simulation.
#[derive(Clone, Default)]
pub struct Spawner(Option<Arc<dyn Spawn>>);

/// Starts tasks in another place than Tokio.
pub trait Spawn: Send + Sync + 'static {
    /// Starts a task, which then runs to its end.
    fn spawn(&self, task: BoxFuture);

    /// Resolves when the background task of an election may take its next step. A simulation holds the task up here.
    fn step(&self) -> BoxFuture;
}

impl Spawner {
    /// Starts tasks in `place`.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn new(place: impl Spawn) -> Self {
        Self(Some(Arc::new(place)))
    }

    /// Starts a task.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime, unless a simulation runs the tasks.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match &self.0 {
            Some(place) => place.spawn(Box::pin(task)),
            None => drop(tokio::spawn(task)),
        }
    }

    /// As [`spawn`](Self::spawn), but drops the task outside of a Tokio runtime.
    pub(crate) fn try_spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if self.0.is_some() || tokio::runtime::Handle::try_current().is_ok() {
            self.spawn(task);
        }
    }

    /// Resolves when the background task may take its next step: on Tokio once others had their turn. A store that answers
    /// without waiting would otherwise let the task keep its thread for as long as it has something to do.
    pub(crate) async fn step(&self) {
        match &self.0 {
            Some(place) => place.step().await,
            None => tokio::task::coop::consume_budget().await,
        }
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Spawner(simulated)",
            None => "Spawner(tokio)",
        })
    }
}

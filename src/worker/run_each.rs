use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use futures_util::{
    StreamExt,
    future::{AbortHandle, abortable},
    stream::FuturesUnordered,
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    error::RunError,
    run_once::{GRACE_PERIOD, PACE, run_once},
};
use crate::{
    error::BoxError,
    shards::{Shard, Shards, Shared},
    task::StopReason,
};

impl Shards {
    /// Runs `work` for each shard that this node leads, each in its own task, until one of them returns an error.
    ///
    /// - `work` receives the shard, and should finish when [`closing`](crate::Term::closing) is cancelled. This happens
    ///   when the gate of the shard closes.
    /// - After 5 s, or the drain timeout if that is shorter, the future of `work` is dropped.
    /// - If `work` returns `Ok` while this node still leads the shard, it runs again, at most once per second.
    /// - The next term of a shard waits until the work of the earlier one has ended.
    ///
    /// Work that writes to a storage should fence its writes with the token of its shard: see
    /// [`fencing`](crate::fencing).
    ///
    /// Returns `Ok` once this node was shut down. If the returned future is dropped, the futures of `work` are dropped at
    /// their next `await`. This node still leads its shards.
    ///
    /// ```no_run
    /// # async fn due(_: u32) -> std::io::Result<()> { Ok(()) }
    /// # async fn example(shards: noleader::Shards) -> Result<(), noleader::RunError> {
    /// shards
    ///     .run_each(|shard| async move {
    ///         while !shard.closing().is_cancelled() {
    ///             due(shard.index()).await?;
    ///         }
    ///         Ok::<(), std::io::Error>(())
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`RunError::Work`] with the first error of `work`. The futures of the other shards are dropped.
    /// - [`RunError::Stopped`] if this node left without a shutdown, with the reason.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime. A panic of `work` ends its task, and is an error of it.
    pub async fn run_each<F, Fut, E>(&self, work: F) -> Result<(), RunError>
    where
        F: Fn(Shard) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let mut openings = self.shared().subscribe_openings();
        let mut tasks = Tasks::new(self.shared(), work);
        // Also opened since the call above: those are in both.
        for shard in self.owned() {
            tasks.start(shard);
        }
        loop {
            tokio::select! {
                biased;
                Some(ended) = tasks.ended.next(), if !tasks.ended.is_empty() => {
                    ended.map_err(RunError::Work)?;
                }
                opened = openings.recv() => match opened {
                    Some(shard) => tasks.start(shard),
                    None => break,
                },
            }
        }
        // All gates are closed.
        while let Some(ended) = tasks.ended.next().await {
            ended.map_err(RunError::Work)?;
        }
        match self.stopped() {
            Some(stopped) if stopped.reason() != StopReason::Shutdown => Err(stopped.into()),
            _ => Ok(()),
        }
    }
}

type Ended = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// The tasks of the shards. Dropping this aborts them, also those of earlier terms.
struct Tasks<F> {
    shared: Arc<Shared>,
    work: Arc<F>,
    running: HashMap<u32, Running>,
    ended: FuturesUnordered<Ended>,
}

struct Running {
    shard: Shard,
    ended: CancellationToken,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<F> Tasks<F> {
    fn new(shared: &Arc<Shared>, work: F) -> Self {
        Self {
            shared: shared.clone(),
            work: Arc::new(work),
            running: HashMap::new(),
            ended: FuturesUnordered::new(),
        }
    }

    fn start<Fut, E>(&mut self, shard: Shard)
    where
        F: Fn(Shard) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let earlier = self.running.get(&shard.index());
        if earlier.is_some_and(|earlier| earlier.shard == shard) {
            return;
        }
        let earlier = earlier.map(|earlier| earlier.ended.clone());
        let (ended, (sender, result)) = (CancellationToken::new(), oneshot::channel());
        let end = ended.clone().drop_guard();
        let (shared, work, this) = (self.shared.clone(), self.work.clone(), shard.clone());
        let (task, abort) = abortable(async move {
            if let Some(earlier) = earlier {
                earlier.cancelled().await;
            }
            run_shard(&shared, &*work, &this).await.map_err(Into::into)
        });
        self.shared.runtime().spawner.spawn(async move {
            let _end = end;
            if let Ok(ended) = task.await {
                // The receiver may have been dropped.
                let _ = sender.send(ended);
            }
        });
        let abort = AbortOnDrop(abort);
        self.ended.push(Box::pin(async move {
            let _abort = abort;
            let panicked = "the work of a shard panicked, or its runtime ended";
            result.await.unwrap_or_else(|_| Err(panicked.into()))
        }));
        let running = Running { shard, ended };
        self.running.insert(running.shard.index(), running);
    }
}

/// Runs the work of a shard again and again until its gate closes.
async fn run_shard<F, Fut, E>(shared: &Shared, work: &F, shard: &Shard) -> Result<(), E>
where
    F: Fn(Shard) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    let (clock, closing) = (shared.clock(), shard.closing());
    let grace_period = GRACE_PERIOD.min(shared.drain_timeout());
    while let Some(admission) = shared.admit_under(shard) {
        let pace = clock.sleep(PACE);
        run_once(clock, grace_period, admission, work(shard.clone())).await?;
        tokio::select! {
            biased;
            () = closing.cancelled() => {}
            () = pace => {}
        }
    }
    Ok(())
}

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    campaign::{Campaign, Claim, Progress, Running},
    candidate::Candidate,
    error::RunError,
    run_once::{GRACE_PERIOD, PACE, run_once},
};
#[cfg(feature = "jetstream")]
use crate::store::JetStream;
use crate::{
    builder::{Builder, StartError},
    error::BoxError,
    lease::Status,
    store::LeaseStore,
    task::{LeaderHandle, Term},
};

/// Runs a closure while this node leads.
///
/// Clones share one candidate. It campaigns while [`run`](Self::run), [`acquire_and_run`](Self::acquire_and_run) or
/// [`start`](Self::start) runs.
///
/// ```no_run
/// # use noleader::{FencingToken, Leader, LeaderHandle, store::Memory};
/// # async fn write_next(_: FencingToken) -> std::io::Result<()> { Ok(()) }
/// # async fn example() -> Result<(), noleader::RunError> {
/// # let leader = Leader::with_builder(LeaderHandle::with_store(Memory::new()));
/// # /*
/// let client = async_nats::connect("localhost:4222").await?;
/// let leader = Leader::new("my_bucket", "election_key", client);
/// # */
/// leader
///     .run(|term| async move {
///         while !term.closing().is_cancelled() {
///             write_next(term.token()).await?;
///         }
///         Ok::<(), std::io::Error>(())
///     })
///     .await?;
/// # Ok(()) }
/// ```
///
/// A closure without an error needs to name its type, by `Ok::<(), E>(())` or `anyhow::Ok(())`.
///
/// # Settings
///
/// [`with_builder`](Self::with_builder) takes a candidate with other settings, on JetStream or another store:
///
/// ```
/// # use std::time::Duration;
/// # use noleader::{Leader, LeaderHandle, store::JetStream};
/// # fn example(client: async_nats::Client) -> Leader {
/// let store = JetStream::new(client, "my_bucket", "election_key").replicas(3);
/// Leader::with_builder(LeaderHandle::with_store(store).lease(Duration::from_secs(5)))
/// # }
/// ```
///
/// # Stopping
///
/// Race the loop against a signal, and then shut the handle down. The loop returns once the closure has finished and the
/// lease is released. There is no handle before the election has started, and nothing to release:
///
/// ```no_run
/// # use noleader::{Leader, RunError, Term};
/// # async fn work(_: Term) -> std::io::Result<()> { Ok(()) }
/// # async fn example(leader: Leader) -> Result<(), RunError> {
/// let mut running = std::pin::pin!(leader.run(work));
/// tokio::select! {
///     ended = &mut running => return ended,
///     _ = tokio::signal::ctrl_c() => {}
/// }
/// let Some(handle) = leader.handle() else {
///     return Ok(());
/// };
/// let (ended, _) = tokio::join!(running, handle.shutdown());
/// ended
/// # }
/// ```
///
/// # Fencing
///
/// A leader can be paused during a write and wake while another node leads. Send the
/// [`Term::token`](crate::Term::token) of the closure's own term with each write. If the storage rejects it, return
/// `Ok` from the closure, which runs again in the next term. See [`fencing`](crate::fencing).
#[derive(Clone)]
pub struct Leader {
    candidate: Arc<dyn Candidate>,
    grace_period: Duration,
    running: Arc<Running>,
}

impl Leader {
    /// Creates a candidate with the default settings for the election `key` in the KeyValue bucket `bucket`.
    #[cfg(feature = "jetstream")]
    #[must_use]
    pub fn new(bucket: &str, key: &str, client: async_nats::Client) -> Self {
        Self::with_builder(LeaderHandle::with_store(JetStream::new(
            client, bucket, key,
        )))
    }

    /// Creates a candidate with the settings and the store of a builder.
    ///
    /// ```
    /// use std::time::Duration;
    /// use noleader::{Leader, LeaderHandle, store::Memory};
    ///
    /// let builder = LeaderHandle::with_store(Memory::new()).lease(Duration::from_secs(5));
    /// let leader = Leader::with_builder(builder);
    /// ```
    #[must_use]
    pub fn with_builder(builder: Builder<impl LeaseStore + Clone>) -> Self {
        Self {
            candidate: Arc::new(builder),
            grace_period: GRACE_PERIOD,
            running: Arc::default(),
        }
    }

    /// Sets how long the closure's future may run after its token was cancelled, before it is dropped.
    ///
    /// Default: 5 s. It is capped at the builder's [`drain_timeout`](Builder::drain_timeout), after which the lease is
    /// released in any case.
    #[must_use]
    pub fn grace_period(mut self, period: Duration) -> Self {
        self.grace_period = period;
        self
    }

    fn longest_grace(&self) -> Duration {
        self.grace_period.min(self.candidate.drain_timeout())
    }

    /// The candidate's id: a random UUID, unless the builder sets one.
    #[must_use]
    pub fn leader_id(&self) -> &str {
        self.candidate.id()
    }

    /// Checks the bucket, and creates it if it does not exist.
    ///
    /// Calling it is optional: a campaign does the same when it starts. Unlike a campaign, it makes only one attempt.
    ///
    /// # Errors
    ///
    /// [`StartError`], which says what to change.
    pub async fn create_bucket(&self) -> Result<(), StartError> {
        self.candidate.prepare().await
    }

    /// Whether this node leads at this instant. See [`LeaderHandle::is_leader`].
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.handle().is_some_and(|handle| handle.is_leader())
    }

    /// Returns the handle of the candidate while it campaigns, also while it waits for its server.
    #[must_use]
    pub fn handle(&self) -> Option<LeaderHandle> {
        self.running.campaign.borrow().handle.clone()
    }

    /// Campaigns until `cancellation_token` is cancelled, then releases the lease and returns.
    ///
    /// The token is that of the crate `tokio-util`. The call also returns after a shutdown of the
    /// [`handle`](Self::handle). If the server cannot be reached yet, the candidate
    /// waits, as for [`Builder::start`](Builder::start). To run a closure concurrently, use
    /// [`do_while_leader`](Self::do_while_leader).
    ///
    /// If the future is dropped, the lease is released in the background, provided that the runtime keeps running.
    ///
    /// # Errors
    ///
    /// - [`RunError::Start`] if the election cannot start.
    /// - [`RunError::AlreadyRunning`] if a clone is already campaigning.
    /// - [`RunError::Stopped`] if the election stopped without a shutdown, with the reason.
    /// - [`RunError::Release`] if the lease could not be released.
    pub async fn start(&self, cancellation_token: CancellationToken) -> Result<(), RunError> {
        let claim = Claim::new(&self.running)?;
        let campaign = tokio::select! {
            biased;
            campaign = self.campaign(claim) => campaign?,
            () = cancellation_token.cancelled() => return Ok(()),
        };
        tokio::select! {
            biased;
            () = stopped(&campaign.handle) => {}
            () = cancellation_token.cancelled() => {}
        }
        campaign.shutdown().await
    }

    /// Campaigns, and runs `work` while this node leads, until `work` returns an error.
    ///
    /// - `work` receives the term, and should finish when [`Term::closing`] is cancelled. This happens when the gate
    ///   closes, and in a process that was paused before `work` is polled again.
    /// - After the [grace period](Self::grace_period) the future of `work` is dropped.
    /// - If `work` returns `Ok` while this node still leads, it runs again, at most once per second.
    ///
    /// Code that runs for a long time without an `await` should check [`Term::is_current`], because the token may be
    /// cancelled late while the code occupies its thread. Code that writes to a storage should [fence](Self#fencing)
    /// its writes.
    ///
    /// To stop the loop from outside, shut down the [`handle`](Self::handle): this call then returns `Ok` once the
    /// closure has ended and the lease is released. Before there is a handle, drop the future. Alternatively, run
    /// [`start`](Self::start) with your own token, and [`do_while_leader`](Self::do_while_leader) concurrently.
    ///
    /// If the returned future is dropped, the closure's future is dropped too, and the lease is released in the
    /// background, provided that the runtime keeps running.
    ///
    /// # Errors
    ///
    /// [`RunError::Work`] with the error of `work`, after the lease was released. Otherwise as for
    /// [`start`](Self::start).
    pub async fn run<F, Fut, E>(&self, work: F) -> Result<(), RunError>
    where
        F: Fn(Term) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        let campaign = self.campaign(Claim::new(&self.running)?).await?;
        let result = self.run_while_leader(&campaign.handle, &work).await;
        let ended = campaign.shutdown().await;
        // The closure's error takes precedence over an error of the release.
        result.and(ended)
    }

    /// Like [`run`](Self::run), for a closure that needs a cancellation token only.
    ///
    /// The token is cancelled with [`Term::closing`]. It is also cancelled when the closure's future ends, for tasks
    /// that the closure has spawned.
    ///
    /// ```no_run
    /// # async fn example(leader: noleader::Leader) -> Result<(), noleader::RunError> {
    /// leader
    ///     .acquire_and_run(|cancelled| async move {
    ///         while !cancelled.is_cancelled() {
    ///             println!("working as the leader");
    ///             tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ///         }
    ///         Ok::<(), std::io::Error>(())
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub async fn acquire_and_run<F, Fut, E>(&self, work: F) -> Result<(), RunError>
    where
        F: Fn(CancellationToken) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        self.run(|term| run_with_token(&work, term)).await
    }

    /// Runs `work` while this node leads, until `work` returns an error, concurrently with a [`start`](Self::start)
    /// that campaigns.
    ///
    /// It waits for a `start` that has not begun yet, and returns `Ok` once the `start` has ended, even if that never
    /// reached the server. It does not notice a `start` that ended before this call, so call it first, or run both with
    /// `join!`.
    ///
    /// # Errors
    ///
    /// [`RunError::Work`] with the error of `work`. The campaign continues.
    pub fn do_while_leader<F, Fut, E>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<(), RunError>> + use<'_, F, Fut, E>
    where
        F: Fn(CancellationToken) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        let mut campaign = self.running.campaign.subscribe();
        // Before the first poll, because a concurrent `start` may end at once.
        let ended = campaign.borrow().ended;
        async move {
            let begun_or_ended = |now: &Progress| now.handle.is_some() || now.ended > ended;
            let handle = match campaign.wait_for(begun_or_ended).await {
                Ok(progress) => progress.handle.clone(),
                Err(_) => None,
            };
            match handle {
                Some(handle) => {
                    let work = |term| run_with_token(&work, term);
                    self.run_while_leader(&handle, &work).await
                }
                None => Ok(()),
            }
        }
    }

    async fn campaign(&self, claim: Claim) -> Result<Campaign, RunError> {
        Ok(Campaign::new(claim, self.candidate.start().await?))
    }

    /// Runs `work` in each term, and returns `Ok` once the election has stopped.
    async fn run_while_leader<F, Fut, E>(
        &self,
        handle: &LeaderHandle,
        work: &F,
    ) -> Result<(), RunError>
    where
        F: Fn(Term) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        while handle.elected().await.is_ok() {
            // The term may have ended since.
            let Ok(admission) = handle.admit() else {
                continue;
            };
            let pace = handle.clock().sleep(PACE);
            let working = work(admission.term().clone());
            run_once(handle.clock(), self.longest_grace(), admission, working)
                .await
                .map_err(|error| RunError::Work(error.into()))?;
            // A shutdown does not wait for the next run.
            tokio::select! {
                biased;
                () = stopped(handle) => {}
                () = pace => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leader")
            .field("leader_id", &self.leader_id())
            .field("handle", &self.handle())
            .finish_non_exhaustive()
    }
}

/// Runs a closure with a token that is cancelled when the gate closes and when the closure's future ends.
async fn run_with_token<F, Fut, E>(work: &F, term: Term) -> Result<(), E>
where
    F: Fn(CancellationToken) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let token = term.closing();
    let _ended = token.clone().drop_guard();
    work(token).await
}

async fn stopped(handle: &LeaderHandle) {
    // An error means that the task has ended.
    let _ = handle
        .watch()
        .wait_for(|status| *status == Status::Stopped)
        .await;
}

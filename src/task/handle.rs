use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{
    admission::Admission,
    driver::Command,
    error::{ReleaseError, Stopped},
    not_leader::NotLeader,
    shared::Shared,
    term::Term,
};
use crate::{
    lease::{LeaderInfo, Settled, Status},
    names::Address,
    sync::watch,
};

/// One node's part in an election.
///
/// A background task keeps the lease; the handle tells whether this node leads. Clones share the task.
/// When the last clone is dropped, the task shuts the gate, waits for the admitted requests, releases the
/// lease and ends, all in the background; [`shutdown`](Self::shutdown) does the same and can be awaited. A
/// runtime that ends before releases nothing, and the next leader waits for the lease to run out. So await the
/// shutdown, and do it before the server's: requests may be held until it is known who leads.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use noleader::LeaderHandle;
///
/// let client = async_nats::connect("localhost:4222").await?;
/// let leader = LeaderHandle::builder("orders", "writer")
///     .id("node-7")
///     .address("http://10.0.0.7:8080")
///     .start(client)
///     .await?;
///
/// let term = leader.elected().await?;
/// println!("leading with the fencing token {}", term.token());
/// leader.shutdown().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LeaderHandle(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    /// The task ends when this is gone, with the last clone of the handle.
    commands: mpsc::UnboundedSender<Command>,
}

impl LeaderHandle {
    pub(super) fn new(shared: Arc<Shared>, commands: mpsc::UnboundedSender<Command>) -> Self {
        Self(Arc::new(Inner { shared, commands }))
    }

    /// What the handle reads, for those who look on and take no part: it keeps no election going.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Whether this node leads, at this instant.
    ///
    /// Exact even if the process was paused, or the background task is starved: the deadline is compared
    /// with the clock in this call. Wait-free.
    #[inline]
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0.shared.is_open()
    }

    /// Admits a piece of work, if this node leads at this instant. Wait-free when it does.
    ///
    /// [`LeaderOnlyLayer`](crate::LeaderOnlyLayer) does this for each request; call it for work that does
    /// not come in through a service.
    ///
    /// # Errors
    ///
    /// [`NotLeader`], with the reason, if the gate is shut.
    #[inline]
    pub fn admit(&self) -> Result<Admission, NotLeader> {
        self.admit_for(Duration::ZERO)
    }

    /// Admits a piece of work, if this node leads at this instant and at least `min_remaining` of the lease is left.
    /// Wait-free when it does.
    ///
    /// For work that should not begin if it is unlikely to end under this term.
    ///
    /// # Errors
    ///
    /// [`NotLeader`]; if too little of the lease is left, with the reason [`NoLeader`](crate::Reason::NoLeader): the
    /// renewals of this node fail, and no other node can lead yet.
    #[inline]
    pub fn admit_for(&self, min_remaining: Duration) -> Result<Admission, NotLeader> {
        let admission = self.0.shared.gate.admit(min_remaining);
        admission.ok_or_else(|| self.not_leader())
    }

    /// The current term, if this node leads at this instant. Wait-free.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        self.0.shared.gate.term()
    }

    /// Waits until this node leads. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`Stopped`] once the election has stopped on this node. An observer waits until then.
    pub async fn elected(&self) -> Result<Term, Stopped> {
        let mut status = self.watch();
        loop {
            let stopped = *status.borrow_and_update() == Status::Stopped;
            if let Some(term) = self.term() {
                return Ok(term);
            }
            if stopped || status.changed().await.is_err() {
                return Err(Stopped);
            }
        }
    }

    /// A flag that is true while this node leads.
    ///
    /// It is set by the background task, so that in a process that was paused it lags behind
    /// [`is_leader`](Self::is_leader) for a moment after it wakes. Use it to be woken, and `is_leader` or
    /// [`admit`](Self::admit) to decide.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.0.shared.subscribe()
    }

    /// The state of this node, at this instant.
    ///
    /// It is [`Status::Leader`] exactly while [`is_leader`](Self::is_leader) is true.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.shared.view().status
    }

    /// The status, as the background task publishes it. Each term has a status with a token, so that no
    /// term is passed over unseen.
    ///
    /// Use it to be woken, and [`status`](Self::status) or [`is_leader`](Self::is_leader) to decide: in a process that
    /// was paused it lags behind for a moment. Cancel safe, as all methods of the receiver.
    ///
    /// ```
    /// # async fn example(leader: noleader::LeaderHandle) {
    /// use noleader::Status;
    ///
    /// let mut changes = leader.watch();
    /// while changes.changed().await.is_ok() {
    ///     match &*changes.borrow_and_update() {
    ///         Status::Leader { token } => println!("leading with the fencing token {token}"),
    ///         status => println!("{status}"),
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.0.shared.watch()
    }

    /// Who leads, if that is known: this node, while it holds the lease, or another whose lease runs.
    #[must_use]
    pub fn leader(&self) -> Option<LeaderInfo> {
        self.0.shared.view().leader
    }

    /// This node's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.shared.id.as_str()
    }

    pub(crate) fn parsed_address(&self) -> Option<&Address> {
        self.0.shared.address.as_ref()
    }

    /// The address that this node publishes.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.0.shared.address.as_ref().map(Address::as_str)
    }

    /// How many requests are still under way, at this instant, that were admitted before the gate was shut
    /// last, under whatever term. While the status is [`Draining`](Status::Draining), these are what it waits for.
    #[must_use]
    pub fn draining(&self) -> usize {
        self.0.shared.gate.draining()
    }

    /// Hands the lease to somebody else: shuts the gate, waits up to the drain timeout for the admitted
    /// requests, also for those of an earlier term, releases the lease, and does not campaign for half a lease,
    /// or longer after warm-ups that failed.
    ///
    /// Returns once the lease is released. A follower has nothing to release. If the future is dropped, the
    /// hand-over goes on in the background.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::LeftToExpire`] if the release was not acknowledged in time,
    /// [`ReleaseError::Stopped`] if the election has stopped before. If it stops meanwhile, the answer is how that
    /// ended.
    ///
    /// # Deadlocks
    ///
    /// A request that was admitted, or work in a [`Leader`](crate::Leader), that awaits this waits for itself, up to
    /// the drain timeout: spawn it there.
    pub async fn step_down(&self) -> Result<(), ReleaseError> {
        if self.0.shared.ended.get().is_some() {
            return Err(ReleaseError::Stopped);
        }
        self.settle(Command::StepDown).await
    }

    /// Leaves the election: shuts the gate, waits up to the drain timeout for the admitted requests,
    /// releases the lease, and ends the background task.
    ///
    /// Returns once that is done, after the drain timeout and a third of a lease at the latest. Calling it
    /// again is harmless. If the future is dropped, the shutdown goes on in the background.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::LeftToExpire`] if the release was not acknowledged in time.
    ///
    /// # Deadlocks
    ///
    /// As [`step_down`](Self::step_down), where the service waits for it.
    pub async fn shutdown(&self) -> Result<(), ReleaseError> {
        self.settle(Command::Shutdown).await
    }

    /// Whether the background task ended before it was through.
    pub(crate) fn has_died(&self) -> bool {
        self.0.shared.has_died()
    }

    /// Begins a shutdown that nobody waits for.
    pub(crate) fn begin_shutdown(&self) {
        let (answer, _) = oneshot::channel();
        // Without a task there is nothing to shut down.
        let _ = self.0.commands.send(Command::Shutdown(answer));
    }

    async fn settle(
        &self,
        command: impl FnOnce(oneshot::Sender<Settled>) -> Command,
    ) -> Result<(), ReleaseError> {
        let (answer, settled) = oneshot::channel();
        let mut status = self.watch();
        // Without a task there is nobody to answer, and the channel closes. But a command that is sent while the
        // task ends may stay in its queue for as long as there are handles.
        let _ = self.0.commands.send(command(answer));
        let answered = tokio::select! {
            biased;
            settled = settled => settled.ok(),
            _ = status.wait_for(|status| *status == Status::Stopped) => None,
        };
        match answered.or_else(|| self.0.shared.ended.get().copied().flatten()) {
            Some(Settled::Released) => Ok(()),
            // A task that ended without a word released nothing.
            Some(Settled::LeftToExpire) | None => {
                Err(ReleaseError::LeftToExpire(self.0.shared.lease))
            }
        }
    }

    /// How much of the lease is left just before a renewal, at the least, while the store answers at once.
    pub(crate) fn always_left(&self) -> Duration {
        self.0.shared.always_left()
    }

    /// Resolves at the next renewal after this call.
    pub(crate) fn renewed(&self) -> impl Future<Output = ()> {
        self.0.shared.gate.renewed()
    }

    /// Why a request cannot be admitted, at this instant.
    pub(crate) fn not_leader(&self) -> NotLeader {
        self.0.shared.not_leader()
    }
}

impl fmt::Debug for LeaderHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaderHandle")
            .field("id", &self.id())
            .field("status", &self.status())
            .field("term", &self.term())
            .finish_non_exhaustive()
    }
}

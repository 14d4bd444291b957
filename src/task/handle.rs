use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{
    admission::Admission,
    driver::Command,
    error::{ReleaseError, StopReason, Stopped},
    holding::Held,
    not_leader::NotLeader,
    shared::Shared,
    term::Term,
};
use crate::{
    clock::Clock,
    lease::{LeaderInfo, Settled, Status},
    names::{Address, ElectionName},
    runtime::Runtime,
    sync::watch,
};

/// A node's participation in an election.
///
/// A background task campaigns and keeps the lease. Clones of the handle share the task. Await
/// [`shutdown`](Self::shutdown) before the runtime ends, and before you stop the server: held requests wait for the
/// outcome of an election. If other nodes forward or redirect requests to this node, its server
/// [stops a moment later](crate::guide::actions#stopping-a-node). If the runtime ends first, the lease is not released, and the next leader waits for it to
/// expire.
///
/// Dropping the last clone starts the same shutdown in the background.
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
#[must_use = "the node leaves the election when the last handle is dropped"]
pub struct LeaderHandle(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    /// The task shuts down when this sender is dropped with the last clone of the handle.
    commands: mpsc::UnboundedSender<Command>,
}

impl LeaderHandle {
    pub(super) fn new(shared: Arc<Shared>, commands: mpsc::UnboundedSender<Command>) -> Self {
        Self(Arc::new(Inner { shared, commands }))
    }

    /// The state that the handle reads. It does not keep the election running.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Whether this node leads at this instant. Wait-free, except for the one call that finds the deadline passed.
    ///
    /// The call compares the deadline with the clock. The result is therefore exact even if the process was paused or
    /// the background task is starved.
    #[inline]
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0.shared.is_open()
    }

    /// Admits a piece of work if this node leads at this instant. Wait-free if it does.
    ///
    /// [`LeaderOnlyLayer`](crate::LeaderOnlyLayer) calls this for each request. Call it yourself for work that does not
    /// arrive through a service.
    ///
    /// # Errors
    ///
    /// [`NotLeader`], with the reason, if the gate is closed.
    #[inline]
    pub fn admit(&self) -> Result<Admission, NotLeader> {
        self.admit_for(Duration::ZERO)
    }

    /// Admits a piece of work if this node leads at this instant and at least `min_remaining` of the lease is left.
    /// Wait-free if it does.
    ///
    /// Use it for work that should not start if it is unlikely to finish under this term.
    ///
    /// # Errors
    ///
    /// [`NotLeader`], with the reason, if the gate is closed. If too little of the lease is left, the reason is
    /// [`NoLeader`](crate::Reason::NoLeader): the renewals of this node fail, and no other node can lead yet.
    #[inline]
    pub fn admit_for(&self, min_remaining: Duration) -> Result<Admission, NotLeader> {
        let admission = self.0.shared.gate.admit(min_remaining);
        admission.ok_or_else(|| self.not_leader())
    }

    /// Returns the current term if this node leads at this instant. Wait-free if it does.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        self.0.shared.gate.term()
    }

    /// Waits until this node leads. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`Stopped`], with the reason, once the election has stopped on this node. An observer never leads, and waits
    /// until then.
    pub async fn elected(&self) -> Result<Term, Stopped> {
        let mut status = self.watch();
        loop {
            let stopped = *status.borrow_and_update() == Status::Stopped;
            if let Some(term) = self.term() {
                return Ok(term);
            }
            if stopped || status.changed().await.is_err() {
                // Set before the status is published.
                let stopped = self.stopped();
                return Err(stopped.unwrap_or(Stopped::new(StopReason::TaskEnded)));
            }
        }
    }

    /// Why the election has stopped on this node, or none while it has not.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use noleader::{LeaderHandle, StopReason, store::Memory};
    ///
    /// let leader = LeaderHandle::with_store(Memory::new()).start().await?;
    /// assert_eq!(leader.stopped(), None);
    /// leader.shutdown().await?;
    /// assert_eq!(leader.stopped().unwrap().reason(), StopReason::Shutdown);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        self.0.shared.stopped()
    }

    /// Returns a channel with a flag that is true while this node leads.
    ///
    /// The background task sets the flag. In a process that was paused, it lags behind [`is_leader`](Self::is_leader)
    /// for a moment. Use it to wait for changes, and `is_leader` or [`admit`](Self::admit) to decide. The channel closes
    /// once the election has stopped on this node. Do not hold what `borrow` returns: it blocks the background task.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.0.shared.subscribe()
    }

    /// The status of this node at this instant.
    ///
    /// It is [`Status::Leader`] exactly while [`is_leader`](Self::is_leader) is true.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.shared.view().status
    }

    /// Returns a channel with the status of this node.
    ///
    /// The background task publishes the status. In a process that was paused, it lags behind for a moment. Use it to
    /// wait for changes, and [`status`](Self::status) or [`is_leader`](Self::is_leader) to decide. The methods of the
    /// receiver are cancel safe.
    ///
    /// A receiver that is slow to read sees only the latest status. [`Status::Leader`] carries the token of its term,
    /// so that two terms of this node can be distinguished. Do not hold what `borrow` returns: it blocks the background
    /// task. The channel closes once the election has stopped on this node, so that the loop below ends.
    ///
    /// ```
    /// # async fn example(leader: noleader::LeaderHandle) {
    /// use noleader::Status;
    ///
    /// let mut changes = leader.watch();
    /// while changes.changed().await.is_ok() {
    ///     match changes.borrow_and_update().clone() {
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

    /// The current leader, if it is known: this node while it holds the lease, or another node until its lease expires.
    #[must_use]
    pub fn leader(&self) -> Option<LeaderInfo> {
        self.0.shared.view().leader
    }

    /// The id of this node.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.shared.id.as_str()
    }

    pub(crate) fn parsed_address(&self) -> Option<&Address> {
        self.0.shared.address.as_ref()
    }

    /// The address that this node publishes, if any.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.0.shared.address.as_ref().map(Address::as_str)
    }

    /// The number of admissions, under any term, that are still held and were given before the gate last closed. It may be
    /// too high for a moment while the gate closes.
    ///
    /// While the status is [`Draining`](Status::Draining), the step-down or shutdown waits for these.
    #[must_use]
    pub fn draining(&self) -> usize {
        self.0.shared.gate.draining()
    }

    /// Hands leadership over to another node.
    ///
    /// 1. Closes the gate.
    /// 2. Waits up to the drain timeout for admitted requests, including those of earlier terms.
    /// 3. Releases the lease.
    /// 4. Does not campaign for half a lease, or longer after failed warm-ups.
    ///
    /// Returns once the lease is released. A follower has nothing to release. If the future is dropped, the step-down
    /// continues in the background.
    ///
    /// # Errors
    ///
    /// - [`ReleaseError::LeftToExpire`] if the release was not acknowledged in time.
    /// - [`ReleaseError::Stopped`] if the election had already stopped.
    ///
    /// If the election stops meanwhile, the result is that of the shutdown.
    ///
    /// # Deadlocks
    ///
    /// An admitted request or the work of a [`Leader`](crate::Leader) that awaits this call waits for itself, up to the
    /// drain timeout. Spawn the call instead.
    pub async fn step_down(&self) -> Result<(), ReleaseError> {
        if self.0.shared.ended.get().is_some() {
            return Err(ReleaseError::Stopped);
        }
        self.settle(Command::StepDown).await
    }

    /// Leaves the election.
    ///
    /// 1. Closes the gate.
    /// 2. Waits up to the drain timeout for admitted requests, including those of earlier terms.
    /// 3. Releases the lease.
    /// 4. If requests are held for the next leader, waits for it, up to one lease. A
    ///    [`LeaderOnlyLayer`](crate::LeaderOnlyLayer) with `wait_up_to` holds them.
    /// 5. Ends the background task.
    ///
    /// Returns once that is done, at the latest after the drain timeout and a third of a lease, or four thirds if
    /// requests are held. Other nodes may still send requests here for a moment, which a
    /// [`LeaderOnlyLayer`](crate::LeaderOnlyLayer) refuses: stop the server
    /// [only after that](crate::guide::actions#stopping-a-node). Further calls have no effect and return the same result. If the future is dropped, the
    /// shutdown continues in the background.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::LeftToExpire`] if the release was not acknowledged in time.
    ///
    /// # Deadlocks
    ///
    /// As for [`step_down`](Self::step_down).
    pub async fn shutdown(&self) -> Result<(), ReleaseError> {
        self.settle(Command::Shutdown).await
    }

    /// Begins a shutdown in the background.
    pub(crate) fn begin_shutdown(&self) {
        let (answer, _) = oneshot::channel();
        // The send fails only if the task has already ended.
        let _ = self.0.commands.send(Command::Shutdown(answer));
    }

    async fn settle(
        &self,
        command: impl FnOnce(oneshot::Sender<Settled>) -> Command,
    ) -> Result<(), ReleaseError> {
        let (answer, settled) = oneshot::channel();
        let mut status = self.watch();
        // If the task has ended, the send fails and drops the answer's sender. A command that is sent while the task
        // ends may stay in the queue for as long as there are handles, hence the wait for the status.
        let _ = self.0.commands.send(command(answer));
        let answered = tokio::select! {
            biased;
            settled = settled => settled.ok(),
            _ = status.wait_for(|status| *status == Status::Stopped) => None,
        };
        match answered.or_else(|| self.0.shared.ended.get().map(|end| end.settled)) {
            Some(Settled::Released) => Ok(()),
            Some(Settled::LeftToExpire) | None => {
                Err(ReleaseError::LeftToExpire(self.0.shared.lease()))
            }
        }
    }

    /// The name of the election.
    pub(crate) fn election(&self) -> &ElectionName {
        &self.0.shared.election
    }

    /// Whether this is a term of this node in this election, past or present.
    pub(crate) fn owns(&self, term: &Term) -> bool {
        self.0.shared.gate.owns(term)
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.0.shared.runtime
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.0.shared.clock()
    }

    /// The minimum of the lease that is left just before a renewal, while the store responds at once.
    pub(crate) fn always_left(&self) -> Duration {
        self.0.shared.always_left()
    }

    /// Resolves at the next renewal after this call.
    pub(crate) fn renewed(&self) -> impl Future<Output = ()> {
        self.0.shared.gate.renewed()
    }

    /// Counts a request that waits for the outcome of an election.
    pub(crate) fn hold(&self) -> Held {
        self.0.shared.holding.hold()
    }

    /// The reason to reject a request at this instant.
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

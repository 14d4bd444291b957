use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, futures::Notified, mpsc, watch};

use super::{
    changes::{Changes, ShardChanges},
    gates::Gates,
    member::Member,
    protocol::Stage,
    shard::Shard,
    status::ShardsStatus,
};
use crate::{
    clock::Clock,
    lease::{LeaderInfo, Settled, Timing},
    names::{Address, ElectionName, NodeId, ShardId},
    runtime::Runtime,
    task::{
        Admission, Held, HeldLease, Holding, NotLeader, Pulse, Reason, StopReason, Stopped, Term,
    },
};

/// The state that the background task publishes and every clone of the handle reads.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) gates: Gates,
    holders: Mutex<Vec<Holder>>,
    changes: Changes,
    /// The receivers of the shards that open.
    openings: Mutex<Vec<mpsc::UnboundedSender<Shard>>>,
    members: watch::Receiver<Vec<Member>>,
    status: watch::Receiver<ShardsStatus>,
    pub(super) count: NonZeroU32,
    pub(super) name: ElectionName,
    pub(super) id: NodeId,
    pub(super) address: Option<Address>,
    pub(super) runtime: Runtime,
    pub(super) timing: Timing,
    pub(super) pulse: Pulse,
    pub(super) holding: Holding,
    /// Notified when the session is renewed.
    pub(super) renewed: Notify,
    /// The lease of the session that this node holds.
    session: Mutex<Option<HeldLease>>,
    /// Set once the node has left.
    pub(super) ended: OnceLock<End>,
}

/// How the node left.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) reason: StopReason,
    pub(super) settled: Settled,
}

/// Who holds a shard, for requests that are not admitted here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Holder {
    #[default]
    Unowned,
    Me(Stage, u64),
    Other(Arc<Member>, u64),
}

/// The task's side of what it publishes. The channels close with it, so that a loop over their changes ends.
#[derive(Debug)]
pub(super) struct Publisher {
    shared: Arc<Shared>,
    members: watch::Sender<Vec<Member>>,
    status: watch::Sender<ShardsStatus>,
    /// The number of shards without an owner.
    unowned: usize,
}

impl Publisher {
    pub(super) fn unowned(&self) -> usize {
        self.unowned
    }

    /// Publishes who holds a shard. Call it after a change of the gate, so that a waiter never wakes before.
    pub(super) fn publish_holder(&mut self, shard: u32, holder: Holder) {
        if let Some(published) = self.shared.holders().get_mut(shard as usize) {
            if *published == holder {
                return;
            }
            self.unowned += usize::from(holder == Holder::Unowned);
            self.unowned -= usize::from(*published == Holder::Unowned);
            *published = holder;
        }
        self.shared.changes.wake(shard);
    }

    pub(super) fn publish_members(&self, members: Vec<Member>) {
        self.members.send_if_modified(|published| {
            let is_changed = *published != members;
            *published = members;
            is_changed
        });
    }

    pub(super) fn publish_status(&self, status: ShardsStatus) {
        self.status
            .send_if_modified(|published| std::mem::replace(published, status) != status);
    }

    /// Announces a shard that has opened.
    pub(super) fn opened(&self, shard: &Shard) {
        self.shared
            .openings()
            .retain(|opened| opened.send(shard.clone()).is_ok());
    }

    /// Wakes all waiters. No shard opens any more.
    pub(super) fn stop(&self) {
        self.shared.openings().clear();
        self.publish_status(ShardsStatus::Stopped);
        self.shared.changes.wake_all();
    }
}

impl Shared {
    pub(super) fn new(
        name: ElectionName,
        (id, address): (NodeId, Option<Address>),
        count: NonZeroU32,
        runtime: Runtime,
        timing: Timing,
    ) -> (Arc<Self>, Publisher) {
        let members = watch::Sender::new(Vec::new());
        let status = watch::Sender::new(ShardsStatus::Joining);
        let shared = Arc::new(Self {
            gates: Gates::new(count.get()),
            holders: Mutex::new(vec![Holder::Unowned; count.get() as usize]),
            changes: Changes::default(),
            openings: Mutex::default(),
            members: members.subscribe(),
            status: status.subscribe(),
            count,
            name,
            id,
            address,
            pulse: Pulse::new(runtime.clock.now()),
            runtime,
            timing,
            holding: Holding::new(),
            renewed: Notify::new(),
            session: Mutex::default(),
            ended: OnceLock::new(),
        });
        let publisher = Publisher {
            shared: shared.clone(),
            members,
            status,
            unowned: count.get() as usize,
        };
        (shared, publisher)
    }

    #[inline]
    pub(crate) fn admit(
        &self,
        shard: ShardId,
        min_remaining: Duration,
    ) -> Result<Admission, NotLeader> {
        let admission = self.gates.admit(shard.index(), min_remaining);
        admission.ok_or_else(|| self.not_leader(shard))
    }

    /// Admits a piece of work under this very term of a shard.
    pub(crate) fn admit_under(&self, shard: &Shard) -> Option<Admission> {
        let admission = self.gates.admit(shard.index(), Duration::ZERO)?;
        (admission.term() == shard.term()).then_some(admission)
    }

    /// The reason to reject a request for a shard at this instant.
    #[cold]
    pub(crate) fn not_leader(&self, shard: ShardId) -> NotLeader {
        let (reason, leader) = match self.holder(shard) {
            Holder::Other(member, token) => (Reason::NotLeader, Some(leader_of(&member, token))),
            Holder::Me(Stage::Warming, _) => (Reason::Warming, None),
            Holder::Me(Stage::Draining, _) => (Reason::Draining, None),
            // The gate may have opened since the request was rejected.
            Holder::Me(Stage::Open, _) | Holder::Unowned => (Reason::NoLeader, None),
        };
        // After the end, the node that led when this one left.
        let reason = match self.ended.get() {
            Some(_) => Reason::Stopped,
            None => reason,
        };
        let retry_after = match reason {
            Reason::NotLeader => self.timing.renew_every,
            _ => Duration::from_secs(1),
        };
        NotLeader::new(reason, leader, retry_after)
    }

    /// The node that leads a shard, this one included.
    pub(crate) fn owner(&self, shard: ShardId) -> Option<LeaderInfo> {
        match self.holder(shard) {
            Holder::Unowned => None,
            Holder::Other(member, token) => Some(leader_of(&member, token)),
            Holder::Me(_, token) => {
                let id = self.id.as_str().to_owned();
                Some(LeaderInfo::new(id, self.address.clone(), token.into()))
            }
        }
    }

    fn holder(&self, shard: ShardId) -> Holder {
        let holders = self.holders();
        holders
            .get(shard.index() as usize)
            .cloned()
            .unwrap_or_default()
    }

    /// The shards whose gates are open here at this instant.
    pub(crate) fn owned(&self) -> Vec<Shard> {
        let is_mine = |(_, holder): &(u32, &Holder)| matches!(holder, Holder::Me(..));
        let mine: Vec<u32> = {
            let holders = self.holders();
            let mine = (0..).zip(&*holders).filter(is_mine);
            mine.map(|(shard, _)| shard).collect()
        };
        let open = |shard: u32| {
            let term = self.gates.term(shard)?;
            Some(Shard::new(ShardId::new(shard), term))
        };
        mine.into_iter().filter_map(open).collect()
    }

    /// The changes of one shard: of its gate here, and of who holds it.
    pub(crate) fn changes(&self, shard: ShardId) -> ShardChanges {
        self.changes.of(shard.index())
    }

    /// Each shard that opens here after this call.
    pub(crate) fn subscribe_openings(&self) -> mpsc::UnboundedReceiver<Shard> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut openings = self.openings();
        // After the end, the task removes no sender.
        if self.ended.get().is_none() {
            openings.push(sender);
        }
        receiver
    }

    pub(crate) fn members(&self) -> watch::Receiver<Vec<Member>> {
        self.members.clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<ShardsStatus> {
        self.status.clone()
    }

    pub(super) fn set_session(&self, session: Option<HeldLease>) {
        *self.session() = session;
    }

    /// The time until the session of this node expires, if it holds one at this instant.
    pub(crate) fn session_left(&self) -> Option<Duration> {
        self.session().as_ref()?.left()
    }

    fn session(&self) -> MutexGuard<'_, Option<HeldLease>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> ShardsStatus {
        *self.status.borrow()
    }

    pub(crate) fn id(&self) -> &str {
        self.id.as_str()
    }

    pub(crate) fn count(&self) -> NonZeroU32 {
        self.count
    }

    pub(crate) fn name(&self) -> &ElectionName {
        &self.name
    }

    pub(crate) fn address(&self) -> Option<&Address> {
        self.address.as_ref()
    }

    /// The minimum of the session that is left just before a renewal, while the store responds at once.
    pub(crate) fn always_left(&self) -> Duration {
        self.timing.always_left()
    }

    /// Whether this is a term of this node for this shard, past or present.
    pub(crate) fn owns(&self, shard: ShardId, term: &Term) -> bool {
        let gate = self.gates.gate(shard.index());
        gate.is_some_and(|gate| gate.owns(term))
    }

    /// Counts a request that waits for the next leader of a shard.
    pub(crate) fn hold(&self) -> Held {
        self.holding.hold()
    }

    /// Resolves at the next renewal after this call.
    pub(crate) fn renewed(&self) -> Notified<'_> {
        self.renewed.notified()
    }

    pub(crate) fn lease(&self) -> Duration {
        self.timing.lease
    }

    /// The time since the store last acknowledged the session of this node, if it ever has.
    pub(crate) fn since_confirmed(&self) -> Option<Duration> {
        self.pulse.since_confirmed(self.clock().now())
    }

    /// The time since the background task last made progress.
    pub(crate) fn since_progress(&self) -> Duration {
        self.clock().now().saturating_since(self.pulse.last_beat())
    }

    pub(crate) fn drain_timeout(&self) -> Duration {
        self.timing.drain_timeout
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.runtime.clock
    }

    pub(crate) fn stopped(&self) -> Option<Stopped> {
        let end = self.ended.get()?;
        Some(Stopped::new(end.reason))
    }

    fn holders(&self) -> MutexGuard<'_, Vec<Holder>> {
        // A panic cannot leave the list invalid.
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn openings(&self) -> MutexGuard<'_, Vec<mpsc::UnboundedSender<Shard>>> {
        self.openings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leader_of(member: &Member, token: u64) -> LeaderInfo {
    let id = member.id().to_owned();
    LeaderInfo::new(id, member.parsed_address().cloned(), token.into())
}

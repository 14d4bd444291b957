use std::{sync::OnceLock, time::Duration};

use super::{
    gate::{Gate, Held},
    not_leader::{NotLeader, Reason},
    pulse::Pulse,
};
use crate::{
    clock::Clock,
    lease::{LeaderInfo, Settled, Status},
    names::{Address, NodeId},
    sync::watch,
};

/// The state that the background task publishes and every clone of the handle reads.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) gate: Gate,
    flag: watch::Sender<bool>,
    status: watch::Sender<Status>,
    pub(super) id: NodeId,
    pub(super) address: Option<Address>,
    pub(super) clock: Clock,
    pub(super) lease: Duration,
    renew_every: Duration,
    pub(super) pulse: Pulse,
    /// Set once the election has ended: the outcome of its release, or none if its task ended early.
    pub(super) ended: OnceLock<Option<Settled>>,
}

/// The state of a node at an instant.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) status: Status,
    /// The node that leads, this one included.
    pub(crate) leader: Option<LeaderInfo>,
    /// The term that this node holds.
    pub(crate) held: Option<Held>,
}

impl Shared {
    pub(super) fn new(
        id: NodeId,
        address: Option<Address>,
        clock: Clock,
        lease: Duration,
        renew_every: Duration,
    ) -> Self {
        Self {
            gate: Gate::new(),
            flag: watch::Sender::new(false),
            status: watch::Sender::new(Status::Follower { leader: None }),
            id,
            address,
            pulse: Pulse::new(clock.now()),
            clock,
            lease,
            renew_every,
            ended: OnceLock::new(),
        }
    }

    /// Publishes a status, and returns whether it has changed. Call it after a change of the gate, so that a waiter
    /// never wakes before.
    pub(super) fn publish(&self, status: Status) -> bool {
        let open = matches!(status, Status::Leader { .. });
        self.flag
            .send_if_modified(|flag| std::mem::replace(flag, open) != open);
        self.status.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        })
    }

    /// The state of this node at this instant. The gate decides whether this node leads; the published status lags
    /// behind it.
    pub(crate) fn view(&self) -> View {
        // The status is published after the gate changes, so it must be read before the gate.
        let published = self.status.borrow().clone();
        let held = self.gate.held();
        let status = match (published, &held) {
            (_, Some(held)) if held.is_open => Status::Leader {
                token: held.term.token(),
            },
            // The gate has closed or the term was lost, and the task has not published that yet.
            (Status::Leader { .. }, Some(_)) => Status::Draining,
            (Status::Leader { .. }, None) => Status::Follower { leader: None },
            (status, _) => status,
        };
        let leader = match &status {
            Status::Follower { leader } => leader.clone(),
            Status::Stopped => None,
            Status::Warming | Status::Leader { .. } | Status::Draining => {
                let held = held.as_ref();
                held.map(|held| self.own_info(held))
            }
        };
        View {
            status,
            leader,
            held,
        }
    }

    fn own_info(&self, held: &Held) -> LeaderInfo {
        let id = self.id.as_str().to_owned();
        LeaderInfo::new(id, self.address.clone(), held.term.token())
    }

    /// The reason to reject a request at this instant.
    pub(crate) fn not_leader(&self) -> NotLeader {
        let view = self.view();
        // The gate may have opened since the request was rejected.
        let reason = Reason::of(&view.status).unwrap_or(Reason::NoLeader);
        let leader = view.leader.filter(|_| reason == Reason::NotLeader);
        let retry_after = match reason {
            Reason::NotLeader => self.renew_every,
            _ => Duration::from_secs(1),
        };
        NotLeader::new(reason, leader, retry_after)
    }

    pub(crate) fn id(&self) -> &NodeId {
        &self.id
    }

    #[cfg(feature = "tonic")]
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.gate.is_open()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<bool> {
        self.flag.subscribe()
    }

    /// The status that the background task publishes.
    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// The minimum of the lease that is left just before a renewal, while the store responds at once.
    pub(super) fn always_left(&self) -> Duration {
        self.lease.saturating_sub(self.renew_every)
    }

    /// The time since the store last acknowledged that this node holds the lease, if it ever has.
    pub(crate) fn since_confirmed(&self) -> Option<Duration> {
        self.pulse.since_confirmed(self.clock.now())
    }

    /// The time since the background task last made progress.
    pub(crate) fn since_progress(&self) -> Duration {
        let now = self.clock.now();
        now.saturating_since(self.pulse.last_beat())
    }

    pub(crate) fn lease(&self) -> Duration {
        self.lease
    }

    /// Whether the background task has ended, or is about to.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get().is_some()
    }

    /// Whether the background task ended early, through a panic or with its runtime.
    pub(crate) fn has_died(&self) -> bool {
        self.ended.get() == Some(&None)
    }
}

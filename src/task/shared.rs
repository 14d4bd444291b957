use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{
    error::{StopReason, Stopped},
    gate::{Gate, Held},
    holding::Holding,
    not_leader::{NotLeader, Reason},
    pulse::Pulse,
};
use crate::{
    clock::Clock,
    lease::{LeaderInfo, Settled, Status, Timing},
    names::{Address, ElectionName, NodeId},
    runtime::Runtime,
    sync::{ArcSwapOption, watch},
};

/// The state that the background task publishes and every clone of the handle reads.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) gate: Gate,
    /// The status that was published last. None stands for a follower without a leader. It is not read from the channel
    /// below, because a caller that holds a borrow of that channel would wait for itself.
    published: ArcSwapOption<Status>,
    flag: watch::Receiver<bool>,
    status: watch::Receiver<Status>,
    pub(super) election: ElectionName,
    pub(super) id: NodeId,
    pub(super) address: Option<Address>,
    pub(super) runtime: Runtime,
    pub(super) timing: Timing,
    pub(super) pulse: Pulse,
    pub(super) holding: Holding,
    /// The node that led when this one left the election.
    pub(super) successor: OnceLock<LeaderInfo>,
    /// Set once the election has ended.
    pub(super) ended: OnceLock<End>,
}

/// How the election ended on this node.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) reason: StopReason,
    /// The outcome of the release.
    pub(super) settled: Settled,
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

/// The task's side of what it publishes. The channels close with it, so that a loop over their changes ends.
#[derive(Debug)]
pub(super) struct Publisher {
    shared: Arc<Shared>,
    flag: watch::Sender<bool>,
    status: watch::Sender<Status>,
}

impl Publisher {
    /// Publishes a status, and returns whether it has changed. Call it after a change of the gate, so that a waiter
    /// never wakes before.
    pub(super) fn publish(&self, status: Status) -> bool {
        if self.shared.published() == status {
            return false;
        }
        let open = matches!(status, Status::Leader { .. });
        let published = Arc::new(status.clone());
        self.shared.published.store(Some(published));
        self.flag
            .send_if_modified(|flag| std::mem::replace(flag, open) != open);
        self.status.send_replace(status);
        true
    }
}

impl Shared {
    pub(super) fn new(
        election: ElectionName,
        id: NodeId,
        address: Option<Address>,
        runtime: Runtime,
        timing: Timing,
    ) -> (Arc<Self>, Publisher) {
        let flag = watch::Sender::new(false);
        let status = watch::Sender::new(Status::Follower { leader: None });
        let shared = Arc::new(Self {
            gate: Gate::new(),
            published: ArcSwapOption::empty(),
            flag: flag.subscribe(),
            status: status.subscribe(),
            election,
            id,
            address,
            pulse: Pulse::new(runtime.clock.now()),
            runtime,
            timing,
            holding: Holding::new(),
            successor: OnceLock::new(),
            ended: OnceLock::new(),
        });
        let publisher = Publisher {
            shared: shared.clone(),
            flag,
            status,
        };
        (shared, publisher)
    }

    fn published(&self) -> Status {
        match self.published.load_full() {
            Some(status) => Status::clone(&status),
            None => Status::Follower { leader: None },
        }
    }

    /// The state of this node at this instant. The gate decides whether this node leads; the published status lags
    /// behind it.
    pub(crate) fn view(&self) -> View {
        // The status is published after the gate changes, so it must be read before the gate.
        let published = self.published();
        let held = self.gate.held();
        let status = match (published, &held) {
            (_, Some(held)) if held.is_open => Status::Leader {
                token: held.term.token(),
            },
            // The task has not published yet that the gate has closed, that the next term has begun, or that the term
            // was lost.
            (Status::Leader { token }, Some(held)) if held.term.token() == token => {
                Status::Draining
            }
            (Status::Leader { .. }, Some(_)) => Status::Warming,
            (Status::Leader { .. } | Status::Warming, None) => Status::Follower { leader: None },
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
        let leader = match reason {
            Reason::NotLeader => view.leader,
            Reason::Stopped => self.successor.get().cloned(),
            _ => None,
        };
        let retry_after = match reason {
            Reason::NotLeader => self.timing.renew_every,
            _ => Duration::from_secs(1),
        };
        NotLeader::new(reason, leader, retry_after)
    }

    pub(crate) fn id(&self) -> &NodeId {
        &self.id
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.runtime.clock
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.gate.is_open()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<bool> {
        unread(&self.flag)
    }

    /// The status that the background task publishes.
    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        unread(&self.status)
    }

    /// The minimum of the lease that is left just before a renewal, while the store responds at once.
    pub(super) fn always_left(&self) -> Duration {
        self.timing.always_left()
    }

    /// The time since the store last acknowledged that this node holds the lease, if it ever has.
    pub(crate) fn since_confirmed(&self) -> Option<Duration> {
        self.pulse.since_confirmed(self.clock().now())
    }

    /// The time since the background task last made progress.
    pub(crate) fn since_progress(&self) -> Duration {
        let now = self.clock().now();
        now.saturating_since(self.pulse.last_beat())
    }

    pub(crate) fn lease(&self) -> Duration {
        self.timing.lease
    }

    /// Why the background task has ended, or is about to.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        let end = self.ended.get()?;
        Some(Stopped::new(end.reason))
    }
}

/// A receiver that waits for the next change.
fn unread<T>(channel: &watch::Receiver<T>) -> watch::Receiver<T> {
    let mut channel = channel.clone();
    channel.mark_unchanged();
    channel
}

#[cfg(all(test, feature = "test-util", not(noleader_loom)))]
mod tests {
    use std::thread;

    use super::*;
    use crate::{
        clock::FakeClock,
        lease::TimeSettings,
        task::{held_lease::HeldLease, term::Term},
    };

    #[allow(clippy::unwrap_used, reason = "the settings are good")]
    fn shared() -> (Arc<Shared>, Publisher) {
        let id = NodeId::parse("node").unwrap();
        let timing = TimeSettings::default().timing().unwrap();
        let runtime = Runtime {
            clock: FakeClock::new().into(),
            ..Runtime::default()
        };
        Shared::new(
            ElectionName::new("orders", "writer"),
            id,
            None,
            runtime,
            timing,
        )
    }

    #[test]
    fn a_borrowed_status_does_not_block_a_look() {
        let (shared, publisher) = shared();
        let changes = shared.watch();
        let borrowed = changes.borrow();
        // Waits for the end of the borrow.
        let publishing = thread::spawn(move || publisher.publish(Status::Stopped));
        while shared.view().status != Status::Stopped {
            thread::yield_now();
        }
        assert_eq!(shared.not_leader().reason(), Reason::Stopped);
        drop(borrowed);
        assert!(publishing.join().unwrap());
        assert_eq!(*changes.borrow(), Status::Stopped);
    }

    #[test]
    fn what_is_not_published_yet_shows_in_the_view() {
        let (shared, publisher) = shared();
        let term = |token: u64| {
            let deadline = shared.clock().now() + shared.timing.lease;
            Term::new(
                token.into(),
                HeldLease::new(deadline, shared.clock().clone()),
            )
        };
        publisher.publish(Status::Leader { token: 7.into() });
        assert_eq!(shared.view().status, Status::Follower { leader: None });
        shared.gate.begin(term(7));
        assert_eq!(shared.view().status, Status::Draining);
        shared.gate.begin(term(8));
        assert_eq!(shared.view().status, Status::Warming);
        shared.gate.open();
        let view = shared.view();
        assert_eq!(view.status, Status::Leader { token: 8.into() });
        assert_eq!(view.leader.unwrap().token(), 8.into());
    }

    #[test]
    fn only_a_change_is_published() {
        let (shared, publisher) = shared();
        let changes = shared.watch();
        assert!(!publisher.publish(Status::Follower { leader: None }));
        assert!(!changes.has_changed().unwrap());
        let token = 7.into();
        assert!(publisher.publish(Status::Leader { token }));
        assert!(!publisher.publish(Status::Leader { token }));
        assert!(*shared.subscribe().borrow());
        assert!(!shared.watch().has_changed().unwrap(), "it was seen");
    }
}

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

use super::{
    action::{Action, Ended, Notice},
    barrier::Barrier,
    input::Input,
    key::Key,
    node::Node,
    peers::{ME, Peer, Peers},
    requests::Requests,
    session::Session,
    session_record::SessionId,
    shard::{Own, Shard},
    watches::Watches,
};
use crate::{
    clock::{Moment, WallTime},
    lease::{OwnWrites, Readings, WriteId},
    shards::due::Due,
};

/// The protocol of one node, without IO and without a clock.
///
/// To drive it, repeat these steps:
///
/// 1. Pass an input to [`handle`](Self::handle), with the readings at which it was *received*.
/// 2. Perform each [`poll_action`](Self::poll_action), in order.
/// 3. Wait for the next input, at most until [`poll_timeout`](Self::poll_timeout). At that time pass [`Input::Tick`].
#[cfg_attr(test, derive(Clone))]
pub struct Machine {
    pub(super) me: Node,
    pub(super) rng: fastrand::Rng,
    pub(super) session: Session,
    pub(super) barrier: Barrier,
    pub(super) own_writes: OwnWrites,
    /// The id of the next write to the own key.
    pub(super) write_id: WriteId,
    /// The expected revision of a write to the own key that may still be applied.
    pub(super) uncertain: Option<u64>,
    /// Set while leaving: when the admitted requests must have finished.
    pub(super) leaving: Option<Moment>,
    /// Whether the bucket's configuration is this node's. None until it was seen.
    pub(super) is_configured: Option<bool>,
    pub(super) watches: Watches,
    pub(super) requests: Requests,
    pub(super) peers: Peers,
    pub(super) due_peers: Due<Peer>,
    pub(super) shards: Vec<Shard>,
    pub(super) due_shards: Due<u32>,
    /// The shards with which this node does something.
    pub(super) owned: BTreeSet<u32>,
    /// What others have not been told yet: see `view`.
    pub(super) changed_shards: BTreeSet<u32>,
    pub(super) has_changed_members: bool,
    /// The shards whose warm-up failed: how often in a row, and when they are claimed again.
    pub(super) sat_out: BTreeMap<u32, (u32, Moment)>,
    /// The wall clock at the last input, if it was plausible.
    pub(super) wall: Option<WallTime>,
    /// The wall clock was implausible at the last input.
    is_wall_off: bool,
    /// The time of the last input.
    handled_at: Moment,
    pub(super) actions: VecDeque<Action>,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("me", &self.me)
            .field("session", &self.session)
            .field("owned", &self.owned)
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// Creates a node that acts at the first [`Input::Tick`]. All of its jitter follows from `seed`.
    #[must_use]
    pub fn new(node: Node, seed: u64) -> Self {
        let shards = (0..node.shards).map(|_| Shard::new()).collect();
        Self {
            rng: fastrand::Rng::with_seed(seed),
            session: Session::None {
                from: Moment::default(),
            },
            barrier: Barrier::default(),
            own_writes: OwnWrites::default(),
            write_id: WriteId::from_bits(0),
            uncertain: None,
            leaving: None,
            is_configured: None,
            watches: Watches::default(),
            requests: Requests::default(),
            peers: Peers::new(node.id.clone()),
            due_peers: Due::default(),
            shards,
            due_shards: Due::default(),
            owned: BTreeSet::new(),
            changed_shards: BTreeSet::new(),
            has_changed_members: false,
            sat_out: BTreeMap::new(),
            wall: None,
            is_wall_off: false,
            handled_at: Moment::default(),
            actions: VecDeque::new(),
            me: node,
        }
    }

    /// The session that this node holds at `now`.
    #[must_use]
    pub fn session(&self, now: Moment) -> Option<SessionId> {
        self.session.valid(now)
    }

    /// The end of the session that this node holds, as far as renewals count.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.session.held()?.deadline
    }

    /// Whether the gate of the shard is open until the session's deadline, and the token of its term.
    #[must_use]
    pub fn open(&self, shard: u32) -> Option<u64> {
        match self.shards.get(shard as usize)?.own {
            Own::Open(term) => Some(term.token),
            _ => None,
        }
    }

    /// Whether everything that was in the bucket when it was first watched is known.
    #[must_use]
    pub fn has_caught_up(&self) -> bool {
        self.watches.is_complete()
    }

    /// Whether the bucket has no configuration, or another one than this node's. No session begins then.
    #[must_use]
    pub fn is_unconfigured(&self) -> bool {
        self.watches.is_complete() && self.is_configured != Some(true)
    }

    /// The number of shards whose gates are open or about to open, or wait for their requests.
    #[must_use]
    pub fn owned(&self) -> usize {
        self.owned.len()
    }

    /// Whether the node leaves once nothing is inside any more.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        let is_past = matches!(self.session, Session::Parting { .. } | Session::Stopped);
        self.leaving.is_some() && !is_past
    }

    /// Whether nothing is left to do but to end the session in the bucket.
    #[must_use]
    pub fn is_parting(&self) -> bool {
        matches!(self.session, Session::Parting { .. })
    }

    /// Whether the node has left.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.session, Session::Stopped)
    }

    /// When the requests to which the last input led time out. A write that was not sent by then is not sent.
    #[must_use]
    pub fn answer_due(&self) -> Moment {
        self.handled_at + self.me.timing.request_timeout
    }

    /// Returns the next action to perform.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Handles an input that was received at `readings`. Their write id is for the own key, to which no input leads to
    /// more than one write.
    pub fn handle(&mut self, readings: Readings, input: Input) {
        let now = readings.now;
        debug_assert!(now >= self.handled_at, "the clock is monotonic");
        self.handled_at = now;
        self.write_id = readings.write_id;
        self.note_wall(readings.wall);
        if self.is_stopped() {
            return self.follow(now, input);
        }
        // First, so that an input after the deadline cannot extend the session.
        self.handle_deadline(now);
        match input {
            Input::Tick => {}
            Input::Watching { watch, epoch, last } => {
                self.handle_watching(now, watch, (epoch, last));
            }
            Input::Delivered {
                watch,
                index,
                key,
                seen,
            } => self.handle_delivered(now, (watch, index), key.as_ref(), &seen),
            Input::CaughtUp { watch, index } => self.handle_caught_up(now, watch, index),
            Input::WatchEnded { watch } => self.handle_watch_ended(now, watch),
            Input::Read { attempt, seen } => self.handle_read(now, attempt, seen.as_ref()),
            Input::Written { attempt, outcome } => {
                if let Some(request) = self.requests.take(attempt) {
                    self.handle_written(now, request, outcome);
                }
            }
            Input::Wanted { shard, want } => self.handle_wanted(now, shard, &want),
            Input::Warmed {
                shard,
                token,
                ready,
            } => self.handle_warmed(now, shard, token, ready),
            Input::Drained { shard, token } => self.handle_drained(now, shard, token),
            Input::Expired { session } => {
                if self.session.held().is_some_and(|held| held.id == session) {
                    self.lose(now, Ended::Expired);
                }
            }
            Input::Leave => self.handle_leave(now),
            Input::Emptied => self.handle_emptied(now),
        }
        self.advance(now);
    }

    /// After the node has left, only what the watches deliver is noted, for requests that it still holds.
    fn follow(&mut self, now: Moment, input: Input) {
        if let Input::Delivered {
            watch,
            index,
            key,
            seen,
        } = input
        {
            self.handle_delivered(now, (watch, index), key.as_ref(), &seen);
        }
    }

    fn note_wall(&mut self, shown: Option<WallTime>) {
        self.wall = shown.filter(|shown| shown.is_plausible());
        let off = shown.filter(|shown| !shown.is_plausible());
        let was_off = std::mem::replace(&mut self.is_wall_off, off.is_some());
        if let Some(shown) = off.filter(|_| !was_off) {
            self.notice(Notice::WallClockOff { shown });
        }
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notice(notice));
    }

    /// Plans a look at a shard.
    pub(super) fn plan_shard(&mut self, shard: u32, at: Moment) {
        if let Some(state) = self.shards.get_mut(shard as usize) {
            self.due_shards.plan(shard, &mut state.due, at);
        }
    }

    /// Plans a look at a node. The own key is looked at with each input.
    pub(super) fn plan_peer(&mut self, peer: Peer, at: Moment) {
        if peer != ME {
            self.due_peers.plan(peer, &mut self.peers[peer].due, at);
        }
    }

    pub(super) fn session_key(&self, peer: Peer) -> Key {
        Key::Session(self.peers[peer].id.clone())
    }
}

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    borrowed::Borrowed,
    live_nodes::{LiveNode, LiveNodes},
    settings::PlacementSettings,
    shard::{Owner, Said, Shard, State},
};
use crate::{
    clock::Moment,
    names::NodeId,
    shards::{
        due::{Due, NEVER},
        protocol::Want,
    },
};

/// New advice for a shard, to pass to the protocol as [`Input::Wanted`](crate::shards::Input::Wanted).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The shard.
    pub shard: u32,
    /// The advice.
    pub want: Want,
}

/// The placement of one node, without IO and without a clock.
///
/// To drive it, repeat these steps:
///
/// 1. Pass what has changed to a `handle_` method, with the time at which it was seen. Before the bucket is known as a
///    whole, pass no nodes: without a session, this node wants nothing.
/// 2. Pass each [`poll_advice`](Self::poll_advice) to the protocol before its next input.
/// 3. At [`poll_timeout`](Self::poll_timeout), call [`handle_timeout`](Self::handle_timeout).
#[derive(Debug)]
pub(crate) struct Advisor {
    me: NodeId,
    pub(super) settings: PlacementSettings,
    pub(super) nodes: LiveNodes,
    pub(super) shards: Vec<Shard>,
    /// When to look at a shard again.
    due: Due<u32>,
    /// When another node will have been alive for long enough to be given shards.
    proven_at: Option<Moment>,
    /// Own shards that may be given away once fewer are moving.
    pub(super) movable: BTreeSet<u32>,
    /// Shards that were given away, and to which node, until they are claimed.
    pub(super) given: BTreeMap<u32, Option<NodeId>>,
    /// Own shards that their homes did not claim. Until the nodes change.
    pub(super) borrowed: BTreeMap<u32, Borrowed>,
    pub(super) is_leaving: bool,
    advice: VecDeque<Advice>,
}

impl Advisor {
    /// Creates the placement of the node `me`, which wants nothing yet.
    #[must_use]
    pub(crate) fn new(me: NodeId, settings: PlacementSettings) -> Self {
        Self {
            me,
            nodes: LiveNodes::default(),
            shards: (0..settings.shards).map(|_| Shard::new()).collect(),
            due: Due::default(),
            proven_at: None,
            movable: BTreeSet::new(),
            given: BTreeMap::new(),
            borrowed: BTreeMap::new(),
            is_leaving: false,
            advice: VecDeque::new(),
            settings,
        }
    }

    /// Handles a change of the nodes with a session, this one included. The work is proportional to the number of shards.
    pub(crate) fn handle_nodes(&mut self, now: Moment, nodes: Vec<LiveNode>) {
        if self.nodes.are(&nodes) {
            return;
        }
        self.nodes = LiveNodes::new(nodes, &self.me, &self.nodes);
        if self.is_leaving {
            self.nodes.retire_me();
        }
        self.borrowed.clear();
        self.place(now);
    }

    /// Handles a change of the owner of a shard.
    pub(crate) fn handle_owner(&mut self, now: Moment, shard: u32, owner: Owner<'_>) {
        let Some(known) = self.shards.get_mut(shard as usize) else {
            return;
        };
        let state = State::of(owner, &self.me);
        let former = std::mem::replace(&mut known.state, state);
        if state == former && state != State::Other {
            return;
        }
        if state.is_without_owner() && !former.is_without_owner() {
            known.since = now;
        }
        let me = self.nodes.me();
        let claimed_by = match owner {
            Owner::Me => me,
            Owner::Other(id) => self.nodes.find(id),
            _ => None,
        };
        if matches!(state, State::Me | State::Other) {
            self.given.remove(&shard);
        }
        if let Some(node) = claimed_by {
            self.nodes.note_claim(node, now);
        }
        if let Some(me) = me.filter(|_| state == State::Me) {
            self.note_own_claim(now, me, shard);
        }
        self.look(now, shard);
        self.start_moves();
    }

    /// Gives all shards away at once, as far as this node owns them, and claims no more.
    pub(crate) fn handle_leave(&mut self, now: Moment) {
        self.is_leaving = true;
        self.nodes.retire_me();
        self.place(now);
    }

    /// Handles that [`poll_timeout`](Self::poll_timeout) has passed. Harmless at any other time.
    pub(crate) fn handle_timeout(&mut self, now: Moment) {
        if self.proven_at.is_some_and(|at| at <= now) {
            self.place(now);
        }
        while let Some(shard) = self.due.next(now) {
            self.look(now, shard);
        }
        self.start_moves();
    }

    /// Returns the next advice.
    pub(crate) fn poll_advice(&mut self) -> Option<Advice> {
        self.advice.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if nothing changes before.
    #[must_use]
    pub(crate) fn poll_timeout(&self) -> Option<Moment> {
        self.due.first().into_iter().chain(self.proven_at).min()
    }

    fn place(&mut self, now: Moment) {
        let PlacementSettings {
            shards,
            proven_after,
            ..
        } = self.settings;
        self.proven_at = self
            .nodes
            .me()
            .and_then(|_| self.nodes.next_to_reach(now, proven_after));
        let homes = self.nodes.homes(shards, |_| true);
        let firm = match self.proven_at {
            Some(_) => &self
                .nodes
                .homes(shards, |known| known.reaches(proven_after) <= now),
            None => &homes,
        };
        for ((state, home), firm) in self.shards.iter_mut().zip(&homes).zip(firm) {
            (state.home, state.is_home_firm) = (*home, home == firm);
        }
        if self.nodes.me().is_none() {
            self.given.clear();
        }
        for shard in 0..self.settings.shards {
            self.look(now, shard);
        }
        self.start_moves();
    }

    /// Says what to do with a shard now, and plans the next look.
    fn look(&mut self, now: Moment, shard: u32) {
        self.movable.remove(&shard);
        let (want, due) = self.want(now, shard);
        let state = &mut self.shards[shard as usize];
        self.due.plan(shard, &mut state.due, due.unwrap_or(NEVER));
        self.say(shard, want);
    }

    fn want(&mut self, now: Moment, shard: u32) -> (Want, Option<Moment>) {
        let state = self.shards[shard as usize].state;
        let Some(me) = self.nodes.me() else {
            return (Want::Nothing, None);
        };
        match state {
            State::Other => (Want::Nothing, None),
            State::Me | State::MeShut => self.keep_or_give(now, me, shard),
            State::Unowned | State::Reserved => {
                let from = self.claims_from(me, shard);
                match now >= from {
                    true => (Want::Have, None),
                    false => (Want::Nothing, Some(from)),
                }
            }
        }
    }

    pub(super) fn say(&mut self, shard: u32, want: Want) {
        let said = match want {
            Want::Nothing => Said::Nothing,
            Want::Have => Said::Have,
            Want::Give { .. } => Said::Give,
        };
        let state = &mut self.shards[shard as usize];
        if std::mem::replace(&mut state.said, said) != said {
            self.advice.push_back(Advice { shard, want });
        }
    }
}

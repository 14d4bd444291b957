use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    borrowed::Borrowed,
    live_nodes::{LiveNode, LiveNodes, ME, NodeNumber},
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
    pub(super) settings: PlacementSettings,
    pub(super) nodes: LiveNodes,
    pub(super) shards: Vec<Shard>,
    /// When to look at a shard again.
    due: Due<u32>,
    /// When to compute the homes again, since a shard was claimed by another node than its home.
    place_at: Option<Moment>,
    /// Own shards that may be given away once fewer are moving.
    pub(super) movable: BTreeSet<u32>,
    /// Shards that were given away, and to which node, until they are claimed.
    pub(super) given: BTreeMap<u32, Option<NodeNumber>>,
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
            nodes: LiveNodes::new(&me),
            shards: (0..settings.shards).map(|_| Shard::new()).collect(),
            due: Due::default(),
            place_at: None,
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
        if !self.nodes.set(nodes) {
            return;
        }
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
        let state = State::of(owner, &mut self.nodes);
        let former = std::mem::replace(&mut known.state, state);
        if state == former && !matches!(state, State::Other(_)) {
            return;
        }
        if state.is_without_owner() && !former.is_without_owner() {
            known.since = now;
        }
        let claimed_by = match state {
            State::Me => Some(ME),
            State::Other(node) => Some(node),
            State::Unowned { .. } | State::MeShut => None,
        };
        if let Some(node) = claimed_by {
            if known.home != Some(node) && self.nodes.has_me() {
                // Other claims may follow.
                self.place_at.get_or_insert(now + self.settings.patience);
            }
            self.given.remove(&shard);
            self.nodes[node].claimed_at = now;
        }
        if state == State::Me && self.nodes.has_me() {
            self.note_own_claim(now, shard);
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
        if self.place_at.is_some_and(|at| at <= now) {
            self.place(now);
        }
        while let Some(shard) = self.due.next(now) {
            self.look(now, shard);
        }
        self.start_moves();
    }

    /// Returns the next advice.
    pub(crate) fn poll_advice(&mut self) -> Option<Advice> {
        let advice = self.advice.pop_front();
        if self.advice.is_empty() {
            // There may have been one for each shard.
            self.advice = VecDeque::new();
        }
        advice
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if nothing changes before.
    #[must_use]
    pub(crate) fn poll_timeout(&self) -> Option<Moment> {
        self.due.first().into_iter().chain(self.place_at).min()
    }

    /// Computes the homes.
    fn place(&mut self, now: Moment) {
        self.place_at = None;
        let shards = (0..).zip(&self.shards);
        let owners = shards.map(|(shard, known)| self.owner_and_next(shard, known.state));
        let homes = self.nodes.homes(owners);
        for (known, home) in self.shards.iter_mut().zip(homes) {
            known.home = home;
        }
        if !self.nodes.has_me() {
            self.given.clear();
        }
        for shard in 0..self.settings.shards {
            self.look(now, shard);
        }
        self.start_moves();
    }

    /// The node that has a shard, or for which it was freed; and the node to which it goes if it must move.
    fn owner_and_next(&self, shard: u32, state: State) -> (Option<NodeNumber>, Option<NodeNumber>) {
        match state {
            State::Me | State::MeShut => {
                let given = self.given.get(&shard).copied().flatten();
                let home = self.borrowed.get(&shard).map(|borrowed| borrowed.home);
                (Some(ME), given.or(home))
            }
            State::Other(node) => (Some(node), None),
            State::Unowned { wanted } => (wanted.filter(|node| self.nodes[*node].weight > 0), None),
        }
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
        if !self.nodes.has_me() {
            return (Want::Nothing, None);
        }
        match state {
            State::Other(_) => (Want::Nothing, None),
            State::Me | State::MeShut => self.keep_or_give(now, shard),
            State::Unowned { .. } => {
                let from = self.claims_from(shard);
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

use std::mem;

use crate::{
    clock::Moment,
    names::NodeId,
    shards::{
        placement::{Advice, Advisor, LiveNode, Owner, PlacementSettings},
        protocol::{Holder, Input, Machine, ShardView, Stage},
    },
};

/// What the task passes to the placement, and its advice.
pub(super) struct Placing {
    advisor: Advisor,
    /// The placement does not know of a change of the members yet.
    has_new_members: bool,
}

impl Placing {
    pub(super) fn new(me: NodeId, settings: PlacementSettings) -> Self {
        Self {
            advisor: Advisor::new(me, settings),
            has_new_members: false,
        }
    }

    /// Notes that the nodes have changed.
    pub(super) fn note_members(&mut self) {
        self.has_new_members = true;
    }

    pub(super) fn handle_owner(&mut self, now: Moment, shard: u32, view: &ShardView<'_>) {
        self.advisor.handle_owner(now, shard, owner(view));
    }

    /// Passes the nodes on, if they have changed, and not while the bucket is delivered for the first time.
    pub(super) fn handle_members(&mut self, now: Moment, machine: &Machine) {
        if !machine.has_caught_up() || !mem::take(&mut self.has_new_members) {
            return;
        }
        let nodes = machine.members().map(|member| LiveNode {
            id: member.id.clone(),
            weight: member.weight(),
            since: member.since,
        });
        self.advisor.handle_nodes(now, nodes.collect());
    }

    /// The next advice, as an input of the protocol.
    pub(super) fn advice(&mut self, now: Moment) -> Option<Input> {
        if self.advisor.poll_timeout().is_some_and(|at| at <= now) {
            self.advisor.handle_timeout(now);
        }
        self.poll_advice()
    }

    /// The advice for a node that leaves: to which node each of its shards goes.
    pub(super) fn leave(&mut self, now: Moment) -> Vec<Input> {
        self.advisor.handle_leave(now);
        std::iter::from_fn(|| self.poll_advice()).collect()
    }

    /// When there is advice, if nothing changes before.
    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        self.advisor.poll_timeout()
    }

    fn poll_advice(&mut self) -> Option<Input> {
        let Advice { shard, want } = self.advisor.poll_advice()?;
        Some(Input::Wanted { shard, want })
    }
}

fn owner<'a>(view: &ShardView<'a>) -> Owner<'a> {
    match view.holder {
        Holder::Unowned { wanted } => Owner::Unowned { wanted },
        Holder::Former => Owner::FormerSession,
        Holder::Me(Stage::Warming | Stage::Open) => Owner::Me,
        Holder::Me(Stage::Draining) => Owner::MeShut,
        Holder::Other(other) => Owner::Other(other.id),
    }
}

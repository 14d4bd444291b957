use std::{collections::BTreeMap, sync::Arc};

use crate::{
    names::NodeId,
    shards::{
        member::Member,
        protocol::{self, Machine, ShardView},
        shard::Shard,
        shared::{Holder, Publisher},
        status::ShardsStatus,
    },
};

/// What the task publishes to the handles: the nodes, who holds each shard, and the status.
pub(super) struct Publishing {
    publisher: Publisher,
    /// The nodes that take part, each shared by the shards that it leads.
    members: BTreeMap<NodeId, Arc<Member>>,
}

impl Publishing {
    pub(super) fn new(publisher: Publisher) -> Self {
        Self {
            publisher,
            members: BTreeMap::new(),
        }
    }

    /// Publishes the nodes. Call it before the holders, which refer to them.
    pub(super) fn publish_members(&mut self, machine: &Machine) {
        let published = |member: protocol::Member<'_>| {
            let (id, described) = (member.id.clone(), described(&member));
            let same = self.members.get(&id).filter(|same| ***same == described);
            (id, same.cloned().unwrap_or_else(|| Arc::new(described)))
        };
        self.members = machine.members().map(published).collect();
        let members = self.members.values();
        self.publisher
            .publish_members(members.map(|member| Member::clone(member)).collect());
    }

    pub(super) fn publish_holder(&mut self, shard: u32, view: &ShardView<'_>) {
        let holder = self.holder(view);
        self.publisher.publish_holder(shard, holder);
    }

    /// The number of nodes with a session, and of shards without an owner.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.members.len(), self.publisher.unowned())
    }

    pub(super) fn publish_status(&self, status: ShardsStatus) {
        self.publisher.publish_status(status);
    }

    /// Tells those who wait for shards to open.
    pub(super) fn opened(&self, shard: &Shard) {
        self.publisher.opened(shard);
    }

    /// Wakes everyone who waits. No shard opens any more.
    pub(super) fn stop(&self) {
        self.publisher.stop();
    }

    fn holder(&self, view: &ShardView<'_>) -> Holder {
        match view.holder {
            protocol::Holder::Unowned { .. } | protocol::Holder::Former => Holder::Unowned,
            protocol::Holder::Me(stage) => Holder::Me(stage, view.token),
            // Its session has been published.
            protocol::Holder::Other(other) => match self.members.get(other.id) {
                Some(member) => Holder::Other(member.clone(), view.token),
                None => Holder::Unowned,
            },
        }
    }
}

fn described(member: &protocol::Member<'_>) -> Member {
    let address = member.alive.and_then(|alive| alive.address.clone());
    Member::new(member.id.clone(), address, member.weight())
}

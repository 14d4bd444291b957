//! What a node knows of the shards and of the other nodes, to answer requests and to place shards.

use super::{
    machine::Machine,
    peers::{ME, Peer, PeerState, SessionContent},
    session_record::{Alive, SessionId, SessionRecord},
    shard::{Own, ShardContent},
};
use crate::{
    clock::Moment,
    names::{Address, NodeId},
};

/// What is known of a shard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShardView<'a> {
    /// Who holds it.
    pub holder: Holder<'a>,
    /// The highest token that is known.
    pub token: u64,
}

/// Who holds a shard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Holder<'a> {
    /// No node, or a session that is dead.
    Unowned {
        /// The node for which the last owner freed the shard.
        wanted: Option<&'a NodeId>,
    },
    /// An earlier session of this node's id.
    Former,
    /// This node.
    Me(Stage),
    /// Another node.
    Other(Member<'a>),
}

/// What this node does with a shard that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its gate is about to open.
    Warming,
    /// Its gate is open.
    Open,
    /// Its gate is shut, and it is about to be freed.
    Draining,
}

/// A node with a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member<'a> {
    /// Its id.
    pub id: &'a NodeId,
    /// Its record, or none if only a later version can read it.
    pub alive: Option<&'a Alive>,
    /// Since when this node has seen its session.
    pub since: Moment,
}

impl Member<'_> {
    /// Its part of the shards, compared with the weights of the others.
    pub(crate) fn weight(&self) -> u32 {
        self.alive.map_or(1, |alive| alive.weight)
    }
}

impl Machine {
    /// What is known of a shard.
    #[must_use]
    pub fn shard(&self, shard: u32) -> Option<ShardView<'_>> {
        let state = self.shards.get(shard as usize)?;
        let holder = match (state.own, state.content) {
            (Own::Warming(_), _) => Holder::Me(Stage::Warming),
            (Own::Open(_), _) => Holder::Me(Stage::Open),
            (Own::Draining(..) | Own::Freeing(_), _) => Holder::Me(Stage::Draining),
            (Own::None, ShardContent::Held { node, session, .. }) => self.holder(node, session),
            (Own::None, ShardContent::Free { wanted }) => Holder::Unowned {
                wanted: wanted.map(|peer| &self.peers[peer].id),
            },
            (Own::None, _) => Holder::Unowned { wanted: None },
        };
        Some(ShardView {
            holder,
            token: state.floor,
        })
    }

    fn holder(&self, node: Peer, session: SessionId) -> Holder<'_> {
        let peer = &self.peers[node];
        if node == ME {
            return match self.session.held() {
                // A claim whose acknowledgement has not been received yet.
                Some(held) if held.id == session => Holder::Me(Stage::Warming),
                _ => Holder::Former,
            };
        }
        match peer.member() {
            Some(member) if peer.session() == Some(session) => Holder::Other(member),
            _ => Holder::Unowned { wanted: None },
        }
    }

    /// The nodes with sessions, as far as this one knows. A node that is silent is one until it is fenced.
    pub fn members(&self) -> impl Iterator<Item = Member<'_>> {
        self.peers.iter().filter_map(|(_, peer)| peer.member())
    }

    /// A shard of which something else is known than at the last call for it.
    pub fn poll_changed_shard(&mut self) -> Option<u32> {
        self.changed_shards.pop_first()
    }

    /// Whether other members are known than at the last call.
    pub fn poll_changed_members(&mut self) -> bool {
        std::mem::take(&mut self.has_changed_members)
    }

    /// Notes that the session of a node has begun or ended, or that its record says something else.
    pub(super) fn note_member(&mut self, peer: Peer, held: Option<SessionId>) {
        self.has_changed_members = true;
        if let Some(held) = held {
            self.note_shards_of(peer, held);
        }
    }

    /// Notes that the shards of a session have another holder than before.
    pub(super) fn note_shards_of(&mut self, peer: Peer, held: SessionId) {
        for (shard, state) in (0..).zip(&self.shards) {
            if matches!(state.content, ShardContent::Held { node, session, .. } if node == peer && session == held)
            {
                self.changed_shards.insert(shard);
            }
        }
    }
}

impl PeerState {
    fn member(&self) -> Option<Member<'_>> {
        let (record, _) = self.granted()?;
        let alive = match record {
            SessionRecord::Alive(alive) => Some(alive),
            _ => None,
        };
        Some(Member {
            id: &self.id,
            alive,
            since: self.begun_at,
        })
    }

    /// What others are told of the node, apart from its session.
    pub(super) fn said(&self) -> Option<(Option<Address>, u32)> {
        let alive = self.member()?.alive?;
        Some((alive.address.clone(), alive.weight))
    }

    /// The session in the key.
    pub(super) fn session(&self) -> Option<SessionId> {
        match &self.content {
            SessionContent::Record(record) => record.session(),
            _ => None,
        }
    }
}

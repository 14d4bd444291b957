use super::live_nodes::{LiveNodes, ME, NodeNumber};
use crate::{clock::Moment, names::NodeId, shards::due::NEVER};

/// Who owns a shard, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    /// No node, or a session that is dead.
    Unowned {
        /// The node for which the last owner freed the shard.
        wanted: Option<&'a NodeId>,
    },
    /// A dead session of this node's id.
    FormerSession,
    /// This node, whose gate is open or about to open.
    Me,
    /// This node, which has shut the gate and is about to free the shard.
    MeShut,
    /// Another node, by its session.
    Other(&'a NodeId),
}

/// What is known of a shard. Each node keeps it for every shard, so it is small.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) state: State,
    /// The node that is to have it.
    pub(super) home: Option<NodeNumber>,
    /// Since when it has been without an owner, if it is.
    pub(super) since: Moment,
    /// When to look at it again.
    pub(super) due: Moment,
    pub(super) said: Said,
}

/// [`Owner`], by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No owner. The last one named this node to be the next, if any.
    Unowned {
        wanted: Option<NodeNumber>,
    },
    Me,
    MeShut,
    Other(NodeNumber),
}

/// The kind of the last advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Have,
    Give,
}

impl Shard {
    pub(super) fn new() -> Self {
        Self {
            state: State::Unowned { wanted: None },
            home: None,
            since: Moment::default(),
            due: NEVER,
            said: Said::Nothing,
        }
    }
}

impl State {
    pub(super) fn of(owner: Owner<'_>, nodes: &mut LiveNodes) -> Self {
        match owner {
            Owner::Unowned { wanted } => Self::Unowned {
                wanted: wanted.map(|id| nodes.number(id)),
            },
            Owner::FormerSession => Self::Unowned { wanted: Some(ME) },
            Owner::Me => Self::Me,
            Owner::MeShut => Self::MeShut,
            Owner::Other(id) => Self::Other(nodes.number(id)),
        }
    }

    pub(super) fn is_without_owner(self) -> bool {
        matches!(self, Self::Unowned { .. })
    }
}

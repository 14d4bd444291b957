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
    /// The node that is to have it, as an index of the nodes.
    pub(super) home: Option<u32>,
    /// Whether it is the home also without the nodes that have not been alive for long enough.
    pub(super) is_home_firm: bool,
    /// Since when it has been without an owner, if it is.
    pub(super) since: Moment,
    /// When to look at it again.
    pub(super) due: Moment,
    pub(super) said: Said,
}

/// [`Owner`], as far as it matters later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Unowned,
    /// Without an owner, but this node's: freed for it, or of its former session.
    Reserved,
    Me,
    MeShut,
    Other,
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
            state: State::Unowned,
            home: None,
            is_home_firm: false,
            since: Moment::default(),
            due: NEVER,
            said: Said::Nothing,
        }
    }
}

impl State {
    pub(super) fn of(owner: Owner<'_>, me: &NodeId) -> Self {
        match owner {
            Owner::Unowned { wanted } if wanted == Some(me) => Self::Reserved,
            Owner::Unowned { .. } => Self::Unowned,
            Owner::FormerSession => Self::Reserved,
            Owner::Me => Self::Me,
            Owner::MeShut => Self::MeShut,
            Owner::Other(_) => Self::Other,
        }
    }

    pub(super) fn is_without_owner(self) -> bool {
        matches!(self, Self::Unowned | Self::Reserved)
    }
}

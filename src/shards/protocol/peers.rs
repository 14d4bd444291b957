//! What a node knows of the sessions, its own included.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Index, IndexMut},
    time::Duration,
};

use super::session_record::{SessionId, SessionRecord};
use crate::{clock::Moment, names::NodeId, shards::due::NEVER};

/// The number of a node in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Peer(u32);

/// This node.
pub(super) const ME: Peer = Peer(0);

/// What is known of the key `s.<node>`.
#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct PeerState {
    pub(super) id: NodeId,
    /// The highest revision that was seen.
    pub(super) revision: u64,
    pub(super) content: SessionContent,
    /// When this process first saw this content at this revision.
    pub(super) first_seen: Moment,
    /// When this process first saw this session.
    pub(super) begun_at: Moment,
    /// The longest lease that a record named.
    pub(super) last_lease: Duration,
    /// A random delay of the fence.
    pub(super) delay: Duration,
    /// Whether the delay includes the time for the nodes that fence it first.
    pub(super) is_ranked: bool,
    /// The shards that wait for evidence that a session is dead.
    pub(super) waiting: BTreeSet<u32>,
    /// One of them waits for evidence at a later revision than what was seen, since this moment.
    pub(super) behind_since: Option<Moment>,
    pub(super) is_busy: bool,
    /// A write had no known effect: read the key first.
    pub(super) is_reading: bool,
    pub(super) failures: u32,
    pub(super) retry_at: Moment,
    pub(super) due: Moment,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum SessionContent {
    /// Nothing was delivered yet.
    Unseen,
    /// A read showed that the key has no message.
    Absent,
    /// What the server leaves for a deleted key.
    Marker,
    Garbage,
    Record(SessionRecord),
}

/// Whether a session is dead: R5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Dead,
    /// It will be, if nothing is seen until then.
    DeadAt(Moment),
    Alive,
    /// What was seen may be older than the session.
    NoEvidence,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Peers {
    by_id: BTreeMap<NodeId, Peer>,
    all: Vec<PeerState>,
}

impl Index<Peer> for Peers {
    type Output = PeerState;

    fn index(&self, peer: Peer) -> &PeerState {
        &self.all[peer.0 as usize]
    }
}

impl IndexMut<Peer> for Peers {
    fn index_mut(&mut self, peer: Peer) -> &mut PeerState {
        &mut self.all[peer.0 as usize]
    }
}

impl Peers {
    pub(super) fn new(me: NodeId) -> Self {
        let mut peers = Self {
            by_id: BTreeMap::new(),
            all: Vec::new(),
        };
        peers.number(&me);
        peers
    }

    /// The number of a node, which is new if its id is.
    pub(super) fn number(&mut self, id: &NodeId) -> Peer {
        if let Some(peer) = self.by_id.get(id) {
            return *peer;
        }
        let peer = Peer(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.by_id.insert(id.clone(), peer);
        self.all.push(PeerState::new(id.clone()));
        peer
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Peer, &PeerState)> {
        (0..).map(Peer).zip(&self.all)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Peer, &mut PeerState)> {
        (0..).map(Peer).zip(&mut self.all)
    }
}

impl PeerState {
    fn new(id: NodeId) -> Self {
        Self {
            id,
            revision: 0,
            content: SessionContent::Unseen,
            first_seen: Moment::default(),
            begun_at: Moment::default(),
            last_lease: Duration::ZERO,
            delay: Duration::ZERO,
            is_ranked: false,
            waiting: BTreeSet::new(),
            behind_since: None,
            is_busy: false,
            is_reading: false,
            failures: 0,
            retry_at: Moment::default(),
            due: NEVER,
        }
    }

    /// Forgets what was seen in a bucket that is gone.
    pub(super) fn forget(&mut self) {
        let due = self.due;
        let last_lease = self.last_lease;
        *self = Self::new(self.id.clone());
        (self.due, self.last_lease) = (due, last_lease);
    }

    /// The record in the key, if it grants a lease.
    pub(super) fn granted(&self) -> Option<(&SessionRecord, Duration)> {
        match &self.content {
            SessionContent::Record(record) => Some((record, record.lease()?)),
            _ => None,
        }
    }

    /// Whether the session `session`, which was acknowledged at the revision `seen`, is dead. `lease` is this node's.
    pub(super) fn verdict(
        &self,
        now: Moment,
        (session, seen): (SessionId, u64),
        lease: Duration,
    ) -> Verdict {
        let waited = self.first_seen + lease.max(self.last_lease);
        let after_wait = || match now >= waited {
            true => Verdict::Dead,
            false => Verdict::DeadAt(waited),
        };
        let record = match &self.content {
            SessionContent::Unseen | SessionContent::Absent => return Verdict::NoEvidence,
            _ if self.revision < seen => return Verdict::NoEvidence,
            SessionContent::Record(record) => Some(record),
            SessionContent::Marker | SessionContent::Garbage => None,
        };
        let is_nameless = |record: &SessionRecord| record.session().is_none();
        match record {
            Some(SessionRecord::Dead { .. } | SessionRecord::Left) => Verdict::Dead,
            Some(record @ (SessionRecord::Alive(_) | SessionRecord::Later(_)))
                if !is_nameless(record) =>
            {
                if record.session() != Some(session) {
                    return Verdict::Dead;
                }
                Verdict::Alive
            }
            _ => after_wait(),
        }
    }
}

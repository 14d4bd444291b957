//! A process that runs a node: its view of the table and its advisor, and of the protocol what an advisor needs.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::fixtures::{LEASE, at, id},
    world::Content,
};
use crate::{
    names::NodeId,
    shards::{
        placement::{Advice, Advisor, LiveNode, Owner, PlacementSettings},
        protocol::Want,
    },
};

/// A session: the number of the process that began it.
pub(super) type Session = usize;

pub(super) struct Process {
    pub(super) id: NodeId,
    pub(super) session: Session,
    pub(super) advisor: Advisor,
    pub(super) is_up: bool,
    pub(super) is_leaving: bool,
    pub(super) view: Vec<Seen>,
    /// The live sessions: their nodes, their weights, and since when this process has seen them.
    pub(super) live: BTreeMap<Session, LiveNode>,
    pub(super) wants: BTreeMap<u32, Want>,
    /// The own shards that are shut.
    pub(super) shut: BTreeSet<u32>,
    /// The shards that it is about to claim.
    pub(super) claiming: BTreeSet<u32>,
    /// Shards whose warm-up failed are not claimed before.
    pub(super) sits_out: BTreeMap<u32, (u32, u64)>,
    /// What it sees comes in order.
    pub(super) last_at: u64,
    pub(super) wakes_at: u64,
    pub(super) said: u64,
}

/// A record, as this process last saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) revision: u64,
    pub(super) content: Content,
}

/// What comes to a process.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    Began(Session, LiveNode),
    Ended(Session),
    Shard(u32, u64, Content),
}

impl Process {
    pub(super) fn new(name: &str, session: Session, shards: u32) -> Self {
        let empty = Seen {
            revision: 0,
            content: Content::Free(None),
        };
        Self {
            id: id(name),
            session,
            advisor: Advisor::new(id(name), PlacementSettings::new(shards, LEASE)),
            is_up: true,
            is_leaving: false,
            view: vec![empty; shards as usize],
            live: BTreeMap::new(),
            wants: BTreeMap::new(),
            shut: BTreeSet::new(),
            claiming: BTreeSet::new(),
            sits_out: BTreeMap::new(),
            last_at: 0,
            wakes_at: u64::MAX,
            said: 0,
        }
    }

    /// Takes a fact in.
    pub(super) fn learn(&mut self, now: u64, fact: Fact) {
        match fact {
            Fact::Began(session, _) if self.live.contains_key(&session) => {}
            Fact::Began(session, node) => {
                // Another session of the node replaces this one.
                let former = self.live.iter().find(|(_, live)| live.id == node.id);
                if let Some((former, _)) = former.map(|(session, live)| (*session, live.clone())) {
                    self.live.remove(&former);
                    self.tell_shards_of(now, former);
                }
                let since = at(now);
                self.live.insert(session, LiveNode { since, ..node });
                self.tell_nodes(now);
                self.tell_shards_of(now, session);
            }
            Fact::Ended(session) => {
                if self.live.remove(&session).is_some() {
                    self.tell_nodes(now);
                    self.tell_shards_of(now, session);
                }
            }
            Fact::Shard(shard, revision, content) => {
                if revision <= self.view[shard as usize].revision {
                    return;
                }
                self.shut.remove(&shard);
                self.view[shard as usize] = Seen { revision, content };
                self.tell_shard(now, shard);
            }
        }
    }

    fn tell_nodes(&mut self, now: u64) {
        self.advisor
            .handle_nodes(at(now), self.live.values().cloned().collect());
    }

    fn tell_shards_of(&mut self, now: u64, of: Session) {
        for shard in 0..self.view.len() {
            if matches!(self.view[shard].content, Content::Held(session, _) if session == of) {
                self.tell_shard(now, u32::try_from(shard).unwrap());
            }
        }
    }

    pub(super) fn tell_shard(&mut self, now: u64, shard: u32) {
        let content = &self.view[shard as usize].content;
        let owner = match content {
            Content::Free(wanted) => Owner::Unowned {
                wanted: wanted.as_ref(),
            },
            Content::Held(session, _) if *session == self.session => {
                match self.shut.contains(&shard) {
                    true => Owner::MeShut,
                    false => Owner::Me,
                }
            }
            Content::Held(session, node) => match self.live.get(session) {
                Some(live) => Owner::Other(&live.id),
                None if *node == self.id => Owner::FormerSession,
                None => Owner::Unowned { wanted: None },
            },
        };
        self.advisor.handle_owner(at(now), shard, owner);
    }

    /// Takes its advice. Returns the shards whose advice has changed.
    pub(super) fn take_advice(&mut self) -> Vec<u32> {
        let mut changed = Vec::new();
        while let Some(Advice { shard, want }) = self.advisor.poll_advice() {
            self.said += 1;
            self.wants.insert(shard, want);
            changed.push(shard);
        }
        changed
    }

    /// The shards that it wants to claim, if its view allows it.
    pub(super) fn claimable(&self) -> Vec<u32> {
        let wanted = self.wants.iter().filter(|(_, want)| **want == Want::Have);
        wanted
            .map(|(shard, _)| *shard)
            .filter(|shard| self.may_claim(*shard))
            .collect()
    }

    pub(super) fn holds(&self, shard: u32) -> bool {
        matches!(self.view[shard as usize].content, Content::Held(session, _) if session == self.session)
    }

    /// Whether its view allows a claim: free, or of a session that has ended.
    pub(super) fn may_claim(&self, shard: u32) -> bool {
        match &self.view[shard as usize].content {
            Content::Free(_) => true,
            Content::Held(session, _) => {
                *session != self.session && !self.live.contains_key(session)
            }
        }
    }
}

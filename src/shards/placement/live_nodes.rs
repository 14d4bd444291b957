use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    ops::{Index, IndexMut},
    time::Duration,
};

use super::{
    assignment::{self, Assigned, Seat},
    quotas::quotas,
    rendezvous::{Distance, Place, Site},
};
use crate::{clock::Moment, names::NodeId, shards::due::NEVER};

/// A node with a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveNode {
    /// Its id.
    pub id: NodeId,
    /// Its part of the shards, compared with the weights of the others. A node with the weight 0 keeps no shards.
    pub weight: u32,
    /// Since when this node has seen its session.
    pub since: Moment,
}

/// The number of a node that is or was alive, in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeNumber(NonZeroU32);

/// This node.
pub(super) const ME: NodeNumber = NodeNumber(NonZeroU32::MIN);

/// The nodes with a session, and all that were ever seen.
#[derive(Debug)]
pub(super) struct LiveNodes {
    numbers: BTreeMap<NodeId, NodeNumber>,
    known: Vec<Known>,
    /// Those with a session, sorted by their ids.
    live: Vec<NodeNumber>,
}

/// What is known of a node.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: NodeId,
    /// 0 if it has no session.
    pub(super) weight: u32,
    since: Moment,
    is_live: bool,
    site: Site,
    /// When it last claimed a shard.
    pub(super) claimed_at: Moment,
}

impl Index<NodeNumber> for LiveNodes {
    type Output = Known;

    fn index(&self, node: NodeNumber) -> &Known {
        &self.known[node.index()]
    }
}

impl IndexMut<NodeNumber> for LiveNodes {
    fn index_mut(&mut self, node: NodeNumber) -> &mut Known {
        &mut self.known[node.index()]
    }
}

impl LiveNodes {
    pub(super) fn new(me: &NodeId) -> Self {
        let mut nodes = Self {
            numbers: BTreeMap::new(),
            known: Vec::new(),
            live: Vec::new(),
        };
        nodes.number(me);
        nodes
    }

    /// The number of a node, which is new if its id is.
    pub(super) fn number(&mut self, id: &NodeId) -> NodeNumber {
        if let Some(number) = self.find(id) {
            return number;
        }
        self.known.push(Known {
            id: id.clone(),
            weight: 0,
            since: NEVER,
            is_live: false,
            site: Site::new(id, 1),
            claimed_at: Moment::default(),
        });
        let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let number = NodeNumber(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN));
        self.numbers.insert(id.clone(), number);
        number
    }

    pub(super) fn find(&self, id: &NodeId) -> Option<NodeNumber> {
        self.numbers.get(id).copied()
    }

    /// Notes that exactly these nodes have a session. The last of two with one id counts. Returns false if this was known.
    pub(super) fn set(&mut self, nodes: Vec<LiveNode>) -> bool {
        let is_known = |node: &LiveNode| {
            let known = self.find(&node.id);
            known.is_some_and(|number| self[number].is(node))
        };
        if nodes.len() == self.live.len() && nodes.iter().all(is_known) {
            return false;
        }
        for node in std::mem::take(&mut self.live) {
            let known = &mut self[node];
            (known.is_live, known.weight) = (false, 0);
        }
        for LiveNode { id, weight, since } in nodes {
            let number = self.number(&id);
            let known = &mut self[number];
            if known.since != since {
                known.claimed_at = Moment::default();
            }
            known.site = Site::new(&id, weight);
            (known.weight, known.since, known.is_live) = (weight, since, true);
        }
        let live = self.numbers.values().copied();
        self.live = live.filter(|number| self[*number].is_live).collect();
        true
    }

    /// This node, if it has a session.
    pub(super) fn has_me(&self) -> bool {
        self[ME].is_live
    }

    /// This node takes no more shards.
    pub(super) fn retire_me(&mut self) {
        self[ME].weight = 0;
    }

    /// The home of each shard, which has this owner, and is to go to the next one if it must move.
    pub(super) fn homes(
        &self,
        shards: impl Iterator<Item = (Option<NodeNumber>, Option<NodeNumber>)>,
    ) -> Vec<Option<NodeNumber>> {
        let mut positions = vec![None; self.known.len()];
        for (position, node) in (0..).zip(&self.live) {
            positions[node.index()] = Some(position);
        }
        let position = |node: Option<NodeNumber>| positions[node?.index()];
        let shards: Vec<Assigned> = shards
            .map(|(owner, next)| Assigned {
                owner: position(owner),
                next: position(next),
            })
            .collect();
        let mut owned = vec![0; self.live.len()];
        for owner in shards.iter().filter_map(|assigned| assigned.owner) {
            owned[owner as usize] += 1;
        }
        let weights: Vec<u32> = self.live.iter().map(|node| self[*node].weight).collect();
        let count = u32::try_from(shards.len()).unwrap_or(u32::MAX);
        let seats: Vec<Seat> = quotas(&weights, &owned, count)
            .into_iter()
            .zip(&self.live)
            .zip(owned)
            .map(|((quota, node), owned)| Seat {
                site: self[*node].site,
                quota,
                owned,
            })
            .collect();
        let homes = assignment::assign(&seats, &shards).into_iter();
        homes
            .map(|home| home.map(|position| self.live[position as usize]))
            .collect()
    }

    /// Those that come before `node` in the order of a shard: first its home, then the others by their distance.
    pub(super) fn before(
        &self,
        node: NodeNumber,
        shard: u32,
        home: Option<NodeNumber>,
    ) -> impl Iterator<Item = &Known> {
        let order = self.order(shard, home);
        let limit = order(node);
        self.takers()
            .filter(move |other| order(*other) < limit)
            .map(|other| &self[other])
    }

    /// The next node after `node` by distance to the shard; after the last, the first.
    pub(super) fn after(&self, node: NodeNumber, shard: u32) -> Option<NodeNumber> {
        let order = self.order(shard, None);
        let others = self.takers().filter(|other| *other != node);
        others.min_by_key(|other| (order(*other) < order(node), order(*other)))
    }

    fn order<'a>(
        &'a self,
        shard: u32,
        home: Option<NodeNumber>,
    ) -> impl Fn(NodeNumber) -> (bool, Distance, &'a NodeId) {
        let place = Place::of_shard(shard);
        move |node| {
            let known = &self[node];
            (home != Some(node), known.site.distance(place), &known.id)
        }
    }

    fn takers(&self) -> impl Iterator<Item = NodeNumber> + '_ {
        let live = self.live.iter().copied();
        live.filter(|node| self[*node].weight > 0)
    }
}

impl NodeNumber {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Known {
    fn is(&self, node: &LiveNode) -> bool {
        self.is_live && (self.weight, self.since) == (node.weight, node.since)
    }

    /// When it has been alive for this long.
    pub(super) fn reaches(&self, age: Duration) -> Moment {
        self.since + age
    }
}

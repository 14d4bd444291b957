use std::{ops::Index, time::Duration};

use super::{
    assignment,
    quotas::quotas,
    rendezvous::{Distance, Place, Site},
};
use crate::{clock::Moment, names::NodeId};

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

/// The nodes with a session, sorted by their ids.
#[derive(Debug, Default)]
pub(super) struct LiveNodes {
    all: Vec<Known>,
    me: Option<u32>,
}

/// What is known of a node.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) node: LiveNode,
    site: Site,
    /// When it last claimed a shard.
    pub(super) claimed_at: Moment,
}

impl Index<u32> for LiveNodes {
    type Output = Known;

    fn index(&self, node: u32) -> &Known {
        &self.all[node as usize]
    }
}

impl LiveNodes {
    /// The nodes `now`, with what is known of them from `former`. The first of two with one id counts.
    pub(super) fn new(mut now: Vec<LiveNode>, me: &NodeId, former: &Self) -> Self {
        now.sort_by(|a, b| a.id.cmp(&b.id));
        now.dedup_by(|a, b| a.id == b.id);
        let known = |node: LiveNode| {
            let former = former.find(&node.id).map(|number| &former[number]);
            let former = former.filter(|known| known.node.since == node.since);
            Known {
                site: Site::new(&node.id, node.weight),
                claimed_at: former.map_or(Moment::default(), |known| known.claimed_at),
                node,
            }
        };
        let mut nodes = Self {
            all: now.into_iter().map(known).collect(),
            me: None,
        };
        nodes.me = nodes.find(me);
        nodes
    }

    /// This node, if it has a session.
    pub(super) fn me(&self) -> Option<u32> {
        self.me
    }

    pub(super) fn find(&self, id: &NodeId) -> Option<u32> {
        let found = self.all.binary_search_by(|known| known.node.id.cmp(id));
        found.ok().and_then(|node| u32::try_from(node).ok())
    }

    pub(super) fn are(&self, others: &[LiveNode]) -> bool {
        let is_known = |other: &LiveNode| {
            self.find(&other.id)
                .is_some_and(|node| self[node].node == *other)
        };
        self.all.len() == others.len() && others.iter().all(is_known)
    }

    /// This node takes no more shards.
    pub(super) fn retire_me(&mut self) {
        if let Some(me) = self.me {
            self.all[me as usize].node.weight = 0;
        }
    }

    pub(super) fn note_claim(&mut self, node: u32, now: Moment) {
        self.all[node as usize].claimed_at = now;
    }

    /// The home of each shard, if only those nodes get shards.
    pub(super) fn homes(&self, shards: u32, gets: impl Fn(&Known) -> bool) -> Vec<Option<u32>> {
        let weight = |known: &Known| if gets(known) { known.node.weight } else { 0 };
        let weights: Vec<u32> = self.all.iter().map(weight).collect();
        let sites = self.all.iter().map(|known| known.site);
        let nodes: Vec<_> = sites.zip(quotas(&weights, shards)).collect();
        assignment::assign(&nodes, shards)
    }

    /// Those that come before `node` in the order of a shard: first its home, then the others by their distance.
    pub(super) fn before(
        &self,
        node: u32,
        shard: u32,
        home: Option<u32>,
    ) -> impl Iterator<Item = &Known> {
        let order = self.order(shard, home);
        let limit = order(node);
        self.takers()
            .filter(move |other| order(*other) < limit)
            .map(|other| &self[other])
    }

    /// The one that comes after `node` in the order of a shard. The first comes after the last.
    pub(super) fn after(&self, node: u32, shard: u32, home: Option<u32>) -> Option<u32> {
        let order = self.order(shard, home);
        let others = self.takers().filter(|other| *other != node);
        others.min_by_key(|other| (order(*other) < order(node), order(*other)))
    }

    fn order(&self, shard: u32, home: Option<u32>) -> impl Fn(u32) -> (bool, Distance, u32) + '_ {
        let place = Place::of_shard(shard);
        move |node| (home != Some(node), self[node].site.distance(place), node)
    }

    fn takers(&self) -> impl Iterator<Item = u32> + '_ {
        (0..)
            .zip(&self.all)
            .filter(|(_, known)| known.node.weight > 0)
            .map(|(node, _)| node)
    }

    /// When the next of the nodes that have not been alive for this long will have been.
    pub(super) fn next_to_reach(&self, now: Moment, age: Duration) -> Option<Moment> {
        let reached_at = self.all.iter().map(|known| known.reaches(age));
        reached_at.filter(|at| *at > now).min()
    }
}

impl Known {
    /// When it has been alive for this long.
    pub(super) fn reaches(&self, age: Duration) -> Moment {
        self.node.since + age
    }
}

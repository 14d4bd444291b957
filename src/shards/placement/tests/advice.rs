//! The advice of one node, by its exact words.

use std::{num::NonZeroUsize, time::Duration};

use super::{
    super::*,
    fixtures::{LEASE, at, id, node},
};
use crate::{clock::Moment, shards::protocol::Want};

/// The node `a` out of `a`, `b` and `c`, with 12 shards.
struct Placed {
    advisor: Advisor,
    nodes: Vec<LiveNode>,
    now: Moment,
}

const SHARDS: u32 = 12;

fn give(name: &str) -> Want {
    Want::Give { to: Some(id(name)) }
}

const UNOWNED: Owner<'_> = Owner::Unowned { wanted: None };

impl Placed {
    fn new() -> Self {
        let mut settings = PlacementSettings::new(SHARDS, LEASE);
        settings.moves_at_once = NonZeroUsize::new(2).unwrap();
        Self {
            advisor: Advisor::new(id("a"), settings),
            nodes: Vec::new(),
            now: at(0),
        }
    }

    /// All three are alive since the start, and `a` owns what `owned` says; the rest is owned by its home, or by `b`.
    fn settled(owned: impl Fn(&Self, u32) -> bool) -> Self {
        let mut placed = Self::new();
        placed.nodes = ["a", "b", "c"].map(|name| node(name, 1, 0)).to_vec();
        placed.advisor.handle_nodes(at(0), placed.nodes.clone());
        for shard in 0..SHARDS {
            let home = if of(&placed, "c", shard) { "c" } else { "b" };
            let home = id(home);
            let owner = match owned(&placed, shard) {
                true => Owner::Me,
                false => Owner::Other(&home),
            };
            placed.advisor.handle_owner(at(0), shard, owner);
        }
        placed.advisor.handle_timeout(at(1_000));
        placed.now = at(1_000);
        placed.advice();
        placed
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now = at(ms);
        self.advisor.handle_timeout(self.now);
        self
    }

    fn nodes(&mut self, nodes: &[LiveNode]) -> Vec<(u32, Want)> {
        self.nodes = nodes.to_vec();
        self.advisor.handle_nodes(self.now, nodes.to_vec());
        self.advice()
    }

    fn owner(&mut self, shard: u32, owner: Owner<'_>) -> Vec<(u32, Want)> {
        self.advisor.handle_owner(self.now, shard, owner);
        self.advice()
    }

    fn advice(&mut self) -> Vec<(u32, Want)> {
        let mut advisor = &mut self.advisor;
        let next = |advisor: &mut &mut Advisor| advisor.poll_advice();
        std::iter::from_fn(|| next(&mut advisor))
            .map(|Advice { shard, want }| (shard, want))
            .collect()
    }

    /// The shards in whose order these nodes come first.
    fn ordered(&self, order: &[&str]) -> Vec<u32> {
        let nodes = &self.advisor.nodes;
        let order: Vec<_> = order
            .iter()
            .map(|name| nodes.find(&id(name)).unwrap())
            .collect();
        let rank = |node, shard: u32| {
            let home = self.advisor.shards[shard as usize].home;
            nodes.before(node, shard, home).count()
        };
        let ranked = |shard: &u32| {
            (0..)
                .zip(&order)
                .all(|(at, node)| rank(*node, *shard) == at)
        };
        (0..SHARDS).filter(ranked).collect()
    }

    fn timeout(&self) -> Option<Moment> {
        self.advisor.poll_timeout()
    }
}

fn of(placed: &Placed, name: &str, shard: u32) -> bool {
    placed.ordered(&[name]).contains(&shard)
}

fn of_a(placed: &Placed, shard: u32) -> bool {
    of(placed, "a", shard)
}

#[test]
fn a_settled_node_says_nothing() {
    let mut placed = Placed::settled(of_a);
    assert_eq!(placed.timeout(), None);
    assert_eq!(placed.at(1_000_000).advice(), []);
}

#[test]
fn a_node_without_a_session_wants_nothing() {
    let mut placed = Placed::settled(of_a);
    placed.at(100_000);
    let owned = placed.ordered(&["a"]);
    let others = placed.nodes[1..].to_vec();
    let nothing: Vec<_> = owned.iter().map(|shard| (*shard, Want::Nothing)).collect();
    assert_eq!(placed.nodes(&others), nothing);
    assert_eq!(placed.owner(owned[0], UNOWNED), []);
    assert_eq!(placed.timeout(), None);
}

#[test]
fn the_home_claims_a_free_shard_at_once() {
    let mut placed = Placed::settled(of_a);
    placed.at(100_000);
    let shard = placed.ordered(&["a"])[0];
    // What it has it wants already.
    assert_eq!(placed.owner(shard, UNOWNED), []);
    assert_eq!(
        placed.owner(shard, Owner::Other(&id("b"))),
        [(shard, Want::Nothing)]
    );
    assert_eq!(placed.owner(shard, UNOWNED), [(shard, Want::Have)]);
    // A mark replaces an absent record.
    assert_eq!(placed.owner(shard, UNOWNED), []);
}

#[test]
fn the_second_waits_a_second_and_the_third_two() {
    let mut placed = Placed::settled(of_a);
    placed.at(100_000);
    let second = placed.ordered(&["b", "a"])[0];
    let third = placed.ordered(&["b", "c", "a"])[0];
    assert_eq!(placed.owner(second, UNOWNED), []);
    assert_eq!(placed.owner(third, UNOWNED), []);
    assert_eq!(placed.timeout(), Some(at(101_000)));
    assert_eq!(placed.at(101_000).advice(), [(second, Want::Have)]);
    assert_eq!(placed.timeout(), Some(at(102_000)));
    assert_eq!(placed.at(102_000).advice(), [(third, Want::Have)]);
    assert_eq!(
        placed.owner(third, Owner::Other(&id("b"))),
        [(third, Want::Nothing)]
    );
}

#[test]
fn the_second_waits_while_the_first_is_busy() {
    let mut placed = Placed::settled(of_a);
    placed.at(100_000);
    let shards = placed.ordered(&["b", "a"]);
    for shard in &shards {
        assert_eq!(placed.owner(*shard, UNOWNED), []);
    }
    placed.at(100_900);
    assert_eq!(placed.owner(shards[1], Owner::Other(&id("b"))), []);
    assert_eq!(placed.at(101_000).advice(), []);
    assert_eq!(placed.timeout(), Some(at(101_900)));
    assert_eq!(placed.at(101_900).advice()[0], (shards[0], Want::Have));
}

#[test]
fn the_node_for_which_a_shard_was_freed_claims_it() {
    let mut placed = Placed::settled(of_a);
    placed.at(100_000);
    let shard = placed.ordered(&["b", "c", "a"])[0];
    let (a, c) = (id("a"), id("c"));
    assert_eq!(placed.owner(shard, Owner::Unowned { wanted: Some(&c) }), []);
    assert_eq!(
        placed.owner(shard, Owner::Unowned { wanted: Some(&a) }),
        [(shard, Want::Have)]
    );
}

#[test]
fn a_node_that_starts_waits_except_for_its_own() {
    let mut placed = Placed::new();
    placed.nodes = ["a", "b", "c"].map(|name| node(name, 1, 0)).to_vec();
    placed.at(100_000);
    placed.nodes[0].since = at(100_000);
    let nodes = placed.nodes.clone();
    assert_eq!(placed.nodes(&nodes), []);
    let own = placed.ordered(&["b"])[0];
    assert_eq!(placed.owner(own, Owner::FormerSession), [(own, Want::Have)]);
    let homes: Vec<_> = placed
        .ordered(&["a"])
        .into_iter()
        .map(|shard| (shard, Want::Have))
        .collect();
    assert_eq!(placed.at(101_999).advice(), []);
    assert_eq!(placed.at(102_000).advice(), homes);
}

#[test]
fn the_second_grants_the_home_its_start() {
    let mut placed = Placed::settled(of_a);
    placed.at(100_000);
    let mut nodes = placed.nodes.clone();
    nodes[1].since = at(100_000);
    assert_eq!(placed.nodes(&nodes), []);
    let shard = placed.ordered(&["b", "a"])[0];
    assert_eq!(placed.owner(shard, UNOWNED), []);
    assert_eq!(placed.timeout(), Some(at(103_000)));
}

#[test]
fn an_owner_gives_to_a_proven_home_a_few_at_once() {
    // All are alive since 0, so from 30 s on.
    let mut placed = Placed::settled(|_, _| true);
    let homes = placed.ordered(&["b"]).into_iter().map(|shard| (shard, "b"));
    let mut homes: Vec<_> = homes
        .chain(placed.ordered(&["c"]).into_iter().map(|shard| (shard, "c")))
        .collect();
    homes.sort_unstable();
    assert_eq!(placed.at(29_999).advice(), []);
    assert_eq!(placed.timeout(), Some(at(30_000)));
    let gives = |range: std::ops::Range<usize>| -> Vec<_> {
        homes[range]
            .iter()
            .map(|(shard, home)| (*shard, give(home)))
            .collect()
    };
    assert_eq!(placed.at(30_000).advice(), gives(0..2));
    // Only a claim makes room for the next.
    let (shard, home) = homes[0];
    let home = id(home);
    assert_eq!(placed.owner(shard, Owner::MeShut), []);
    assert_eq!(
        placed.owner(
            shard,
            Owner::Unowned {
                wanted: Some(&home)
            }
        ),
        [(shard, Want::Nothing)]
    );
    assert_eq!(placed.owner(shard, Owner::Other(&home)), gives(2..3));
    assert_eq!(placed.at(1_000_000).advice(), []);
}

#[test]
fn a_node_that_joins_is_given_shards_after_two_leases() {
    let mut placed = Placed::settled(of_a);
    let owned = placed.ordered(&["a"]);
    placed.at(100_000);
    let mut nodes = placed.nodes.clone();
    nodes.push(node("d", 1, 100_000));
    assert_eq!(placed.nodes(&nodes), []);
    let given: Vec<_> = (0..SHARDS)
        .filter(|shard| of(&placed, "d", *shard) && owned.contains(shard))
        .map(|shard| (shard, give("d")))
        .collect();
    assert_eq!(given.len(), 1);
    assert_eq!(placed.timeout(), Some(at(130_000)));
    assert_eq!(placed.at(130_000).advice(), given);
}

#[test]
fn a_shard_that_its_home_did_not_claim_is_kept_for_a_while() {
    let mut placed = Placed::settled(of_a);
    let shard = placed.ordered(&["b", "a"])[0];
    for (now, kept_ms) in [(100_000, 30_000), (200_000, 60_000), (300_000, 120_000)] {
        placed.at(now);
        placed.owner(shard, UNOWNED);
        assert_eq!(placed.at(now + 1_000).advice(), [(shard, Want::Have)]);
        assert_eq!(placed.owner(shard, Owner::Me), []);
        // It stays the first that goes when the homes are computed again.
        assert_eq!(placed.at(now + 2_000).advice(), []);
        assert_eq!(placed.timeout(), Some(at(now + 1_000 + kept_ms)));
        // b takes it over without being asked.
        if kept_ms < 120_000 {
            assert_eq!(
                placed.at(now + 1_000 + kept_ms).advice(),
                [(shard, give("b"))]
            );
            assert_eq!(placed.owner(shard, UNOWNED), [(shard, Want::Nothing)]);
            placed.owner(shard, Owner::Other(&id("b")));
        }
    }
    // A change of the nodes may have changed the reason, and b gets any shard that is nearer to it.
    let mut nodes = placed.nodes.clone();
    nodes.push(node("d", 0, 300_000));
    let advice = placed.nodes(&nodes);
    assert!(
        matches!(&advice[..], [(_, want)] if *want == give("b")),
        "{advice:?}"
    );
}

#[test]
fn after_a_failed_warm_up_the_next_node_is_named() {
    let mut placed = Placed::settled(of_a);
    placed.at(100_000);
    let shard = placed.ordered(&["a", "c"])[0];
    assert_eq!(placed.owner(shard, Owner::MeShut), [(shard, give("c"))]);
    // The protocol sits out, and claims it if no other node did.
    let c = id("c");
    assert_eq!(
        placed.owner(shard, Owner::Unowned { wanted: Some(&c) }),
        [(shard, Want::Have)]
    );
    assert_eq!(
        placed.owner(shard, Owner::Other(&c)),
        [(shard, Want::Nothing)]
    );
}

#[test]
fn each_failed_warm_up_names_the_next_in_the_order() {
    let mut placed = Placed::settled(of_a);
    placed.at(100_000);
    for (order, next) in [(["b", "a", "c"], "c"), (["b", "c", "a"], "b")] {
        let shard = placed.ordered(&order)[0];
        placed.owner(shard, UNOWNED);
        placed.owner(shard, Owner::Me);
        assert_eq!(placed.owner(shard, Owner::MeShut), [(shard, give(next))]);
    }
}

#[test]
fn a_move_names_its_new_home_if_the_nodes_change() {
    let mut placed =
        Placed::settled(|placed, shard| of_a(placed, shard) || placed.ordered(&["b"])[0] == shard);
    let shard = placed.ordered(&["b"])[0];
    assert_eq!(placed.at(100_000).advice(), [(shard, give("b"))]);
    placed.owner(shard, Owner::MeShut);
    let nodes = [placed.nodes[0].clone(), placed.nodes[2].clone()];
    let advice = placed.nodes(&nodes);
    let home = if placed.ordered(&["a"]).contains(&shard) {
        Want::Have
    } else {
        give("c")
    };
    assert!(advice.contains(&(shard, home)), "{advice:?}");
}

#[test]
fn a_node_that_leaves_gives_all_to_their_next_homes() {
    let mut placed = Placed::settled(of_a);
    placed.at(100_000);
    let owned = placed.ordered(&["a"]);
    placed.advisor.handle_leave(placed.now);
    let advice = placed.advice();
    let expected: Vec<_> = owned
        .iter()
        .map(|shard| {
            let home = if placed.ordered(&["b"]).contains(shard) {
                "b"
            } else {
                "c"
            };
            (*shard, give(home))
        })
        .collect();
    assert_eq!(advice, expected);
    let named = |name: &str| {
        advice
            .iter()
            .filter(|(_, want)| *want == give(name))
            .count()
    };
    assert_eq!((named("b"), named("c")), (2, 2));
    for shard in &owned {
        assert_eq!(placed.owner(*shard, Owner::MeShut), []);
        assert_eq!(placed.owner(*shard, UNOWNED), [(*shard, Want::Nothing)]);
    }
    assert_eq!(placed.at(1_000_000).advice(), []);
}

#[test]
fn a_node_without_weight_gives_all_and_claims_nothing() {
    let mut placed = Placed::settled(of_a);
    placed.at(100_000);
    let owned = placed.ordered(&["a"]);
    let mut nodes = placed.nodes.clone();
    nodes[0].weight = 0;
    let advice = placed.nodes(&nodes);
    assert_eq!(
        advice.iter().map(|(shard, _)| *shard).collect::<Vec<_>>(),
        owned[..2]
    );
    assert!(
        advice
            .iter()
            .all(|(_, want)| matches!(want, Want::Give { to: Some(_) }))
    );
    let other = placed.ordered(&["b"])[0];
    placed.owner(other, UNOWNED);
    assert_eq!(placed.at(1_000_000).advice(), []);
}

#[test]
fn the_last_node_that_leaves_names_none() {
    let mut placed = Placed::settled(|_, _| true);
    let nodes = [placed.nodes[0].clone()];
    placed.nodes(&nodes);
    placed.advisor.handle_leave(placed.now);
    let expected: Vec<_> = (0..SHARDS)
        .map(|shard| (shard, Want::Give { to: None }))
        .collect();
    assert_eq!(placed.advice(), expected);
}

#[test]
fn the_default_settings_are_those_of_the_specification() {
    let settings = PlacementSettings::new(10, LEASE);
    assert_eq!(settings.proven_after, Duration::from_secs(30));
    assert_eq!(settings.start_wait, Duration::from_secs(2));
    assert_eq!(settings.patience, Duration::from_secs(1));
    assert_eq!(settings.moves_at_once.get(), 8);
}

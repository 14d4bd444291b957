//! The home of each shard: where it is, unless it must move.
//!
//! Rendezvous hashing decides where a shard goes that has no owner, and which shards a node takes that joins. What is
//! owned within the owner's quota stays, so a node that joins or leaves moves no shard beyond those that it must. The
//! price is that homes depend on the owners, which nodes see with delays. If two nodes give a new home too
//! many shards, it gives the surplus away again.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::rendezvous::{Place, Site};

/// A node to which shards are assigned.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) site: Site,
    /// The number of shards that it is to have.
    pub(super) quota: u32,
    /// The number of shards that it has.
    pub(super) owned: u32,
}

/// A shard that is assigned, with indices of the seats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assigned {
    pub(super) owner: Option<u32>,
    /// The node to which it goes if it must move and that node has room.
    pub(super) next: Option<u32>,
}

/// The order in which shards are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Its next owner is chosen.
    Chosen,
    /// It has no owner; nearest first.
    Unowned,
    /// Of a node that has too many, by how much nearer the other one is.
    Surplus,
}

/// A shard, and a node that may become its home. The least comes first.
type Pair = (Rank, i128, u32, u32);

/// The home of each shard, as an index of `seats`. None if the quotas leave no room for it.
///
/// Moves that were made do not change the remaining ones.
pub(super) fn assign(seats: &[Seat], shards: &[Assigned]) -> Vec<Option<u32>> {
    let mut room: Vec<u32> = seats
        .iter()
        .map(|seat| seat.quota.saturating_sub(seat.owned))
        .collect();
    let mut surplus: Vec<u32> = seats
        .iter()
        .map(|seat| seat.owned.saturating_sub(seat.quota))
        .collect();
    let mut open: Vec<u32> = (0..)
        .zip(&room)
        .filter(|(_, room)| **room > 0)
        .map(|(seat, _)| seat)
        .collect();
    let nearest = |open: &[u32], shard: u32| -> Option<Reverse<Pair>> {
        let place = Place::of_shard(shard);
        let distance = |seat: u32| i128::from(seats[seat as usize].site.distance(place));
        let owner = shards[shard as usize].owner;
        let pairs = open.iter().map(|seat| (distance(*seat), *seat));
        let (nearest, seat) = pairs.min()?;
        let cost = nearest - owner.map_or(0, distance);
        let rank = match owner {
            None => Rank::Unowned,
            Some(_) => Rank::Surplus,
        };
        Some(Reverse((rank, cost, shard, seat)))
    };
    let must_move =
        |surplus: &[u32], owner: Option<u32>| owner.is_none_or(|owner| surplus[owner as usize] > 0);
    let mut pairs: BinaryHeap<Reverse<Pair>> = (0..)
        .zip(shards)
        .filter(|(_, assigned)| must_move(&surplus, assigned.owner))
        .filter_map(|(shard, assigned)| match assigned.next {
            Some(seat) => Some(Reverse((Rank::Chosen, 0, shard, seat))),
            None => nearest(&open, shard),
        })
        .collect();
    let mut homes: Vec<_> = shards.iter().map(|assigned| assigned.owner).collect();
    while let Some(Reverse((_, _, shard, seat))) = pairs.pop() {
        let owner = shards[shard as usize].owner;
        if !must_move(&surplus, owner) {
            continue;
        }
        let room = &mut room[seat as usize];
        if *room == 0 {
            pairs.extend(nearest(&open, shard));
            continue;
        }
        homes[shard as usize] = Some(seat);
        if let Some(owner) = owner {
            surplus[owner as usize] -= 1;
        }
        *room -= 1;
        if *room == 0 {
            open.retain(|other| *other != seat);
        }
    }
    homes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::NodeId;

    fn seat(name: &str, quota: u32, owned: u32) -> Seat {
        let site = Site::new(&NodeId::parse(name).unwrap(), 1);
        Seat { site, quota, owned }
    }

    fn owned_by(owner: Option<u32>) -> Assigned {
        Assigned { owner, next: None }
    }

    #[test]
    fn homes_never_change() {
        // Other homes would let two versions of this crate move shards to and fro.
        let seats = [seat("a", 3, 0), seat("b", 3, 0), seat("c", 4, 0)];
        let homes = assign(&seats, &[owned_by(None); 10]);
        assert_eq!(homes, [0, 2, 1, 0, 2, 2, 2, 0, 1, 1].map(Some));
        // All were of a.
        let seats = [seat("a", 4, 10), seat("b", 3, 0), seat("c", 3, 0)];
        let homes = assign(&seats, &[owned_by(Some(0)); 10]);
        assert_eq!(homes, [0, 2, 0, 0, 2, 1, 2, 1, 0, 1].map(Some));
    }

    #[test]
    fn no_shard_without_an_owner_and_node_would_rather_have_each_other() {
        let seats = ["a", "b", "c", "d"].map(|name| seat(name, 25, 0));
        let homes: Vec<usize> = assign(&seats, &[owned_by(None); 100])
            .into_iter()
            .map(|home| home.unwrap() as usize)
            .collect();
        let distance = |node: usize, shard: u32| seats[node].site.distance(Place::of_shard(shard));
        for (shard, home) in (0..).zip(&homes) {
            let envied =
                (0..seats.len()).filter(|node| distance(*node, shard) < distance(*home, shard));
            for node in envied {
                let mut others = (0..).zip(&homes).filter(|(_, home)| **home == node);
                assert!(others.all(|(other, _)| distance(node, other) < distance(node, shard)));
            }
        }
    }

    #[test]
    fn only_what_is_beyond_the_quota_moves() {
        let seats = [seat("a", 50, 60), seat("b", 40, 40), seat("c", 10, 0)];
        let owners: Vec<_> = (0..100).map(|shard| Some(u32::from(shard >= 60))).collect();
        let shards: Vec<_> = owners.iter().copied().map(owned_by).collect();
        let homes = assign(&seats, &shards);
        let moved: Vec<_> = owners.iter().zip(&homes).filter(|(a, b)| a != b).collect();
        assert_eq!(moved, [(&Some(0), &Some(2)); 10]);
    }

    #[test]
    fn a_shard_goes_where_it_is_sent_if_it_must_move_and_there_is_room() {
        let moved = |owned: u32, room: u32| -> Vec<usize> {
            let seats = [
                seat("a", 4, owned),
                seat("b", room, 0),
                seat("c", owned - 4 - room, 0),
            ];
            let next = |shard| Some(1).filter(|_| shard < 2);
            let shards: Vec<_> = (0..owned)
                .map(|shard| Assigned {
                    owner: Some(0),
                    next: next(shard),
                })
                .collect();
            let homes = assign(&seats, &shards);
            (0..2).filter(|shard| homes[*shard] == Some(1)).collect()
        };
        assert_eq!(moved(8, 2), [0, 1]);
        assert_eq!(moved(8, 1), [0]);
        assert_eq!(moved(5, 1), [0]);
        assert_eq!(moved(4, 0), [0; 0]);
    }

    #[test]
    fn shards_beyond_the_quotas_have_no_home_or_stay() {
        let homes = assign(&[seat("a", 2, 0), seat("b", 0, 0)], &[owned_by(None); 3]);
        assert_eq!(homes.iter().filter(|home| **home == Some(0)).count(), 2);
        assert_eq!(homes.iter().filter(|home| home.is_none()).count(), 1);
        assert_eq!(assign(&[], &[owned_by(None); 2]), [None, None]);
        assert_eq!(assign(&[seat("a", 0, 1)], &[owned_by(Some(0))]), [Some(0)]);
    }
}

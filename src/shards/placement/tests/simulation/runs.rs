//! What must hold in runs of the world.

use std::collections::BTreeMap;

use super::world::{DELAY, DRAIN, World, lease_ms};

/// From an advice to the claim that others see: the drain, two writes and their delivery.
const MOVE: u64 = DRAIN + 4 * DELAY + 10;
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// A fleet that starts together, and has settled.
fn settled(seed: u64, nodes: usize, shards: u32) -> World {
    let mut world = World::new(seed, shards);
    for name in &NAMES[..nodes] {
        world.start(name, 1);
    }
    world.run_for(3 * lease_ms());
    check_settled(&mut world);
    world
}

/// Each node has its share within one shard; and then nothing happens.
fn check_settled(world: &mut World) {
    let nodes: BTreeMap<_, _> = world
        .live()
        .map(|(_, live)| (live.id.clone(), live.weight))
        .collect();
    let total: u32 = nodes.values().sum();
    for (node, weight) in &nodes {
        let share = world.table.len() as f64 * f64::from(*weight) / f64::from(total);
        let held = world.held_by(node.as_str());
        assert!(
            (held as f64 - share).abs() < 1.0,
            "{node}: {held} of {nodes:?}"
        );
    }
    let before = (world.all_moves(), world.table.clone());
    let said: Vec<u64> = world.processes.iter().map(|process| process.said).collect();
    world.run_for(3_600_000);
    assert_eq!((world.all_moves(), world.table.clone()), before);
    assert_eq!(
        world
            .processes
            .iter()
            .map(|process| process.said)
            .collect::<Vec<_>>(),
        said
    );
    assert!(world.is_quiet());
}

#[test]
fn a_fleet_that_starts_within_two_seconds_moves_nothing() {
    for seed in 0..10 {
        let mut world = World::new(seed, 100);
        for (name, pause) in NAMES.iter().zip([0, 500, 1_000, 400]) {
            world.run_for(pause);
            world.start(name, 1);
        }
        world.run_for(3_000);
        assert_eq!(world.unserved(), 0);
        check_settled(&mut world);
        assert_eq!(world.all_moves(), 0);
    }
}

#[test]
fn a_rolling_restart_moves_few_shards() {
    for (seed, down_ms) in [(1, 100), (2, 5_000), (3, 20_000)] {
        let mut world = settled(seed, 5, 1_000);
        let mut most = 0;
        for (process, name) in NAMES[..5].iter().enumerate() {
            let before = world.moves.clone();
            world.leave(process);
            world.run_for(down_ms + MOVE);
            world.start(name, 1);
            // As an operator waits until the node serves again.
            world.run_for(3 * lease_ms());
            let of_each = world
                .moves
                .iter()
                .zip(before)
                .map(|(now, before)| now - before);
            most = most.max(of_each.max().unwrap());
        }
        check_settled(&mut world);
        let mean = f64::from(world.all_moves()) / 1_000.0;
        println!(
            "down for {down_ms} ms: {mean} moves of each shard, at most {most} for a node, longest gap {} ms",
            world.longest_gap
        );
        assert!(mean <= 2.0, "{mean}");
        assert!(most <= 2, "{most}");
        // No shard waited for more than a write and its delivery once it was drained.
        assert!(world.longest_gap <= 3 * DELAY, "{}", world.longest_gap);
        assert_eq!(world.unserved(), 0);
    }
}

#[test]
fn a_restart_in_a_hurry_moves_a_shard_twice_at_most_for_each_node() {
    // The next node leaves before the last one has its shards back.
    let mut world = settled(4, 5, 1_000);
    for (process, name) in NAMES[..5].iter().enumerate() {
        world.leave(process);
        world.run_for(1_000);
        world.start(name, 1);
        world.run_for(3_000);
    }
    world.run_for(4 * lease_ms());
    check_settled(&mut world);
    let mean = f64::from(world.all_moves()) / 1_000.0;
    let most = world.moves.iter().max().unwrap();
    println!(
        "{mean} moves of each shard, at most {most}, longest gap {} ms",
        world.longest_gap
    );
    assert!(*most <= 10, "{most}");
}

#[test]
fn a_node_that_joins_gets_its_share_after_two_leases_within_seconds() {
    let mut world = settled(5, 4, 1_000);
    world.start("e", 1);
    world.run_for(2 * lease_ms());
    assert_eq!((world.held_by("e"), world.all_moves()), (0, 0));
    let mut seconds = 0;
    while world.held_by("e") < 200 {
        world.run_for(1_000);
        seconds += 1;
        assert!(seconds <= 5);
    }
    println!(
        "a fifth of 1,000 shards in {seconds} s, longest gap {} ms",
        world.longest_gap
    );
    check_settled(&mut world);
    assert_eq!(world.most_given, 8);
    assert_eq!(world.all_moves(), 200);
    assert!(world.longest_gap <= 3 * DELAY, "{}", world.longest_gap);
}

#[test]
fn a_node_that_does_not_live_long_moves_nothing() {
    let mut world = settled(6, 4, 1_000);
    for _ in 0..3 {
        let process = world.start("e", 1);
        world.run_for(10_000);
        world.crash(process);
        world.run_for(lease_ms());
        world.fence(process);
    }
    world.run_for(4 * lease_ms());
    check_settled(&mut world);
    assert_eq!(world.all_moves(), 0);
}

#[test]
fn the_shards_of_a_dead_node_are_claimed_at_once() {
    let mut world = settled(7, 5, 1_000);
    world.crash(2);
    world.run_for(lease_ms());
    world.fence(2);
    world.run_for(20 * MOVE);
    assert!(world.longest_gap <= 3 * DELAY, "{}", world.longest_gap);
    check_settled(&mut world);
    assert_eq!(world.all_moves(), 200);
}

#[test]
fn a_node_that_starts_again_at_once_keeps_its_shards() {
    let mut world = settled(8, 5, 1_000);
    let holders = |world: &World| -> Vec<String> {
        (0..1_000)
            .map(|shard| world.holder(shard).unwrap().to_owned())
            .collect()
    };
    let before = holders(&world);
    world.crash(1);
    world.run_for(700);
    world.start("b", 1);
    world.run_for(3 * DELAY);
    assert_eq!(world.unserved(), 0);
    check_settled(&mut world);
    assert_eq!(world.all_moves(), 0);
    assert_eq!(holders(&world), before);
}

#[test]
fn a_shard_whose_warm_up_fails_at_home_is_served_elsewhere() {
    let mut world = settled(9, 3, 30);
    let shard = (0..30)
        .find(|shard| world.holder(*shard) == Some("a"))
        .unwrap();
    world.fails.insert(("a".to_owned(), shard));
    // The node starts again, and cannot warm up one of its shards any more.
    world.crash(0);
    world.run_for(100);
    let started = world.now;
    world.start("a", 1);
    world.run_for(2_000);
    assert!(matches!(world.holder(shard), Some("b" | "c")));
    // It is tried again more and more rarely.
    world.run_for(24 * 3_600_000);
    let hours = (world.now - started) as f64 / 3_600_000.0;
    let moves = world.moves[shard as usize];
    println!(
        "{moves} moves in {hours:.0} h, longest gap {} ms",
        world.longest_gap
    );
    assert!((10..200).contains(&moves), "{moves}");
    assert_eq!(world.all_moves(), moves);
    // The next node was named each time, so no gap was a second long.
    assert!(world.longest_gap < 1_000, "{}", world.longest_gap);
    world.fails.clear();
    world.run_for(2 * 3_600_000);
    check_settled(&mut world);
}

#[test]
fn a_change_of_weights_is_followed() {
    let mut world = settled(10, 3, 1_000);
    world.leave(0);
    world.run_for(1_000);
    world.start("a", 3);
    world.run_for(4 * lease_ms());
    check_settled(&mut world);
    assert_eq!(
        ["a", "b", "c"].map(|name| world.held_by(name)),
        [600, 200, 200]
    );
    // With weight 0, a node serves until others have its shards.
    world.crash(3);
    world.run_for(10);
    world.start("a", 0);
    world.run_for(4 * lease_ms());
    check_settled(&mut world);
    assert_eq!(world.held_by("a"), 0);
}

#[test]
fn every_history_settles() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = settled(seed, 3, 64);
        let mut dying = Vec::new();
        for _ in 0..20 {
            let running: Vec<usize> = world
                .live()
                .map(|(process, _)| process)
                .filter(|p| world.processes[*p].is_up)
                .collect();
            let chosen = rng.choice(&running).copied();
            match (rng.u8(0..6), chosen) {
                (0, Some(process)) => world.leave(process),
                (1, Some(process)) => {
                    world.crash(process);
                    dying.push(process);
                }
                (2, _) => {
                    for process in dying.drain(..) {
                        world.fence(process);
                    }
                }
                (3 | 4, _) => {
                    let name = NAMES[rng.usize(..NAMES.len())];
                    let is_running = running
                        .iter()
                        .any(|p| world.processes[*p].id.as_str() == name);
                    if !is_running {
                        world.start(name, rng.u32(1..4));
                    }
                }
                _ => {}
            }
            let pause = [10, 500, 3_000, 40_000][rng.usize(..4)];
            world.run_for(rng.u64(0..pause));
        }
        for process in dying {
            world.fence(process);
        }
        let stays = |process: usize| {
            let process = &world.processes[process];
            process.is_up && !process.is_leaving
        };
        if !world.live().any(|(process, _)| stays(process)) {
            world.start("a", 1);
        }
        world.run_for(3 * 3_600_000);
        assert_eq!(world.unserved(), 0, "{seed}");
        check_settled(&mut world);
    }
}

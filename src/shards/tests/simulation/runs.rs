//! Many seeds, with all rules and without one.

use std::env;

use super::{super::super::rule::Rule, world::World};

/// More with the variable `NOLEADER_SHARD_SEEDS`.
const SEEDS: u64 = 200;

const RULES: &[Rule] = &[
    Rule::OldGatesShut,
    Rule::AbsenceNotFree,
    Rule::AbsenceMarked,
    Rule::Barrier,
    Rule::FromSend,
    Rule::Guard,
    Rule::NeverRevive,
    Rule::Tombstone,
    Rule::AbsenceNotDead,
    Rule::AbsenceNotWaitedOut,
    Rule::EvidenceNotOlder,
    Rule::SessionMarkWaited,
    Rule::ShardMarkWaited,
    Rule::OpenByAck,
    Rule::AckBound,
    Rule::OverwrittenShut,
    Rule::ShutIsFinal,
    Rule::ClosedBeforeFreed,
];

fn seeds(default: u64) -> std::ops::Range<u64> {
    let read = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    let first = read("NOLEADER_FIRST_SEED").unwrap_or(0);
    first..first + read("NOLEADER_SHARD_SEEDS").unwrap_or(default)
}

#[test]
fn all_rules_together_hold() {
    let (mut openings, mut takeovers, mut moves, mut fences) = (0, 0, 0, 0);
    for seed in seeds(SEEDS) {
        match World::new(seed, None).run() {
            Err(violation) => panic!("seed {seed}: {violation}"),
            Ok(checks) => {
                openings += checks.openings;
                takeovers += checks.takeovers;
                moves += checks.moves;
                fences += checks.fences;
            }
        }
    }
    println!("{openings} openings, {takeovers} takeovers, {moves} moves, {fences} fences");
    assert!(openings > 0 && takeovers > 0 && moves > 0 && fences > 0);
}

/// How many of the seeds show a violation without the rule, and how many show two gates.
fn without(rule: Rule, seeds: std::ops::Range<u64>) -> [usize; 2] {
    [false, true].map(|gates_only| {
        let violates = |seed: &u64| {
            let mut world = World::new(*seed, Some(rule));
            world.gates_only = gates_only;
            world.run().is_err()
        };
        seeds.clone().filter(violates).count()
    })
}

/// With the variable `NOLEADER_SHARD_SEEDS`, prints how often each rule is missed.
#[test]
fn count_violations_without_each_rule() {
    if env::var("NOLEADER_SHARD_SEEDS").is_err() {
        return;
    }
    for rule in RULES {
        let [violations, gates] = without(*rule, seeds(0));
        println!("{rule:?}: {violations} violations, {gates} with two gates");
    }
}

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

/// Whether the run without the rule violates something, or opens two gates.
fn fails(seed: u64, rule: Rule, gates_only: bool) -> bool {
    let mut world = World::new(seed, Some(rule));
    world.gates_only = gates_only;
    world.run().is_err()
}

/// The simulation must notice a missing rule in one of this many seeds.
const ENOUGH: u64 = 2_000;

fn assert_noticed(rules: &[Rule]) {
    for rule in rules {
        let noticed = (0..ENOUGH).find(|seed| fails(*seed, *rule, false));
        assert!(noticed.is_some(), "{rule:?}");
    }
}

#[test]
fn a_missing_rule_of_begin_or_renewal_is_noticed() {
    assert_noticed(&[Rule::OldGatesShut, Rule::AbsenceNotFree]);
    assert_noticed(&[Rule::FromSend, Rule::Guard, Rule::NeverRevive]);
}

#[test]
fn a_missing_barrier_is_noticed() {
    assert_noticed(&[Rule::Barrier]);
}

#[test]
fn a_missing_rule_of_death_is_noticed() {
    assert_noticed(&[Rule::Tombstone, Rule::AbsenceNotDead]);
    assert_noticed(&[Rule::EvidenceNotOlder, Rule::SessionMarkWaited]);
}

#[test]
fn a_missing_rule_of_claims_and_moves_is_noticed() {
    assert_noticed(&[Rule::ShardMarkWaited, Rule::OpenByAck, Rule::AckBound]);
    assert_noticed(&[
        Rule::OverwrittenShut,
        Rule::ShutIsFinal,
        Rule::ClosedBeforeFreed,
    ]);
}

/// With the variable `NOLEADER_SHARD_SEEDS`, prints how often each rule is missed.
#[test]
fn count_violations_without_each_rule() {
    if env::var("NOLEADER_SHARD_SEEDS").is_err() {
        return;
    }
    let only = env::var("NOLEADER_SHARD_RULES").unwrap_or_default();
    for rule in RULES {
        if !only.is_empty() && !only.split(',').any(|o| o == format!("{rule:?}")) {
            continue;
        }
        let [all, gates] = [false, true].map(|gates_only| {
            let failed: Vec<u64> = seeds(0).filter(|s| fails(*s, *rule, gates_only)).collect();
            (failed.len(), failed.first().copied())
        });
        println!("{rule:?}: {all:?} violations, {gates:?} with two gates");
    }
}

//! Runs outside the assumptions. G1 does not hold in them, which the simulation must detect. Which stale writes a
//! storage still rejects depends on the assumption.
//!
//! They need many seeds, so only `.ci/simulate` runs them, optimized.

use noleader_world::{Plan, Source, run, second_writer};

/// Two gates must be open at once in at least one of this many seeds.
const SEEDS: u64 = 500;

#[derive(Debug, Default)]
struct Outside {
    /// Runs in which two gates were open at once.
    overlaps: u64,
    /// Writes that the storage refused.
    refused: u64,
    /// Runs in which the storage took writes of two processes under one token.
    second_writers: u64,
    /// Runs in which a later term has no larger token, although enough time lies between the two.
    lower_tokens: u64,
}

fn run_outside(plan: Plan, seeds: u64) -> Outside {
    let mut outside = Outside::default();
    for seed in 0..seeds {
        let run = run(Source::Seed(seed), plan, 0);
        let violates = |name| run.violations.iter().any(|v| v.invariant == name);
        assert!(!violates("panic"), "seed {seed}");
        outside.overlaps += u64::from(violates("g1_one_gate"));
        outside.lower_tokens += u64::from(violates("g2_lost_writes"));
        outside.refused += run.refused;
        assert!(
            run.stored.is_sorted_by_key(|by| by.token),
            "seed {seed}: the storage took a smaller token after a larger one"
        );
        if let Some(by) = second_writer(&run.stored) {
            outside.second_writers += 1;
            // The server gave each revision once, whatever the clocks showed.
            assert_ne!(
                plan,
                Plan::WildClocks,
                "seed {seed}: a second writer {by:?}"
            );
        }
    }
    outside
}

#[test]
#[ignore = "slow unless optimized"]
fn fencing_protects_when_clocks_open_two_gates() {
    let outside = run_outside(Plan::WildClocks, SEEDS);
    println!("{outside:?}");
    assert!(outside.overlaps > 0 && outside.refused > 0);
}

/// A store that lost writes gives their revisions again. The tokens contain the time, so that a storage can still
/// distinguish the terms.
#[test]
#[ignore = "slow unless optimized"]
fn tokens_grow_although_writes_are_lost() {
    let outside = run_outside(Plan::RolledBack, 4 * SEEDS);
    println!("{outside:?}");
    assert!(outside.overlaps > 0 && outside.refused > 0);
    assert_eq!(outside.lower_tokens, 0);
}

/// The control: the same runs, without wall clocks.
#[test]
#[ignore = "slow unless optimized"]
fn tokens_repeat_without_wall_clocks() {
    let outside = run_outside(Plan::RolledBackTimeless, 4 * SEEDS);
    println!("{outside:?}");
    assert!(outside.overlaps > 0 && outside.refused > 0);
    assert!(outside.lower_tokens > 0 && outside.second_writers > 0);
}

/// A candidate that knows that the store loses writes waits for more, and does not rely on what it saw before.
#[test]
#[ignore = "slow unless optimized"]
fn a_lossy_store_opens_fewer_second_gates() {
    let [without, with] =
        [false, true].map(|lossy_store| run_outside(Plan::PowerCut { lossy_store }, 8 * SEEDS));
    println!("{without:?}\n{with:?}");
    assert!(without.overlaps > 0 && with.overlaps < without.overlaps);
    assert_eq!(with.lower_tokens + without.lower_tokens, 0);
}

/// Revisions that occur twice make a write to the old bucket valid in the new one.
#[test]
#[ignore = "slow unless optimized"]
fn repeated_revisions_open_two_gates() {
    let outside = run_outside(Plan::RepeatedRevisions, 8 * SEEDS);
    println!("{outside:?}");
    assert!(outside.overlaps > 0);
}

//! `NOLEADER_SEED=n cargo test -p noleader-world replay -- --nocapture` runs one seed and prints its trace.

use noleader_world::{Plan, Source, report, run};

#[test]
fn replay() {
    let Ok(seed) = std::env::var("NOLEADER_SEED") else {
        return;
    };
    let seed: u64 = seed.parse().expect("NOLEADER_SEED is a number");
    let plan = Plan::of(seed);
    let outcome = run(Source::Seed(seed), plan, usize::MAX);
    if let Some(violation) = outcome.violations.first() {
        panic!("{}", report(seed, violation, usize::MAX));
    }
    println!("{}seed {seed} ({plan:?}) holds", outcome.trace);
}

/// The same seed gives the same run, to the last line.
#[test]
fn a_run_follows_from_its_seed() {
    for seed in 0..16 {
        let trace = || run(Source::Seed(seed), Plan::of(seed), usize::MAX).trace;
        let first = trace();
        assert!(first.len() > 1_000, "{first}");
        assert_eq!(first, trace(), "seed {seed}");
    }
}

/// The same bytes give the same run.
#[test]
fn a_run_follows_from_its_bytes() {
    for byte in 0..16 {
        let bytes: Vec<_> = (0..4_000)
            .map(|index: u32| (index % 251) as u8 ^ byte)
            .collect();
        let source = Source::Bytes(&bytes);
        let trace = || run(source, Plan::of(byte.into()), usize::MAX).trace;
        let first = trace();
        assert!(first.len() > 1_000, "{first}");
        assert_eq!(first, trace(), "byte {byte}");
    }
}

/// A fuzzer's input decides how long the faults last.
#[test]
fn faults_stop_after_the_last_byte() {
    let bytes: Vec<_> = (0..4_000).map(|index: u32| (index % 251) as u8).collect();
    let calm_at = |length: usize| {
        let source = Source::Bytes(&bytes[..length]);
        let trace = run(source, Plan::Removals, usize::MAX).trace;
        let calm = trace
            .lines()
            .find(|line| line.ends_with("from now on nothing goes wrong"));
        let at = calm.and_then(|line| line.split_whitespace().next());
        at.and_then(|at| at.parse::<f64>().ok()).expect("a calm")
    };
    assert!(calm_at(200) < calm_at(4_000));
}

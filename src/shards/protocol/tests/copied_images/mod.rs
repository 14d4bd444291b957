//! A simulation of machines, one of which is copied at a random time, with its clock, its gates, its requests and its
//! watches.
//!
//! Claim, for each shard: until the deadline that the image carries, or that its last renewal would grant, two gates may
//! be open. From then on at most one is, and each term has a larger token than all before. Only a shard that the process
//! or its copy has freed may be open on the other until that sees it, for less than a lease.

mod process;
mod server;
mod sim;

use self::sim::Sim;

const SEEDS: u64 = 200;
const LEASE_MS: u64 = 2_000;
const GUARD_MS: u64 = LEASE_MS / 10;
const END: u64 = 12 * LEASE_MS;
const NODES: usize = 3;
const SHARDS: u32 = 3;

#[derive(Default)]
struct Tally {
    /// Runs in which two gates of one shard were open.
    overlaps: u64,
    /// Runs in which a machine found that its image runs twice.
    found: u64,
    terms: u64,
}

#[test]
fn copied_image_opens_one_gate_after_deadline() {
    let mut tally = Tally::default();
    let runs = (0..SEEDS).map(|seed| (seed, Sim::new(seed).run(&mut tally)));
    let bad: Vec<_> = runs
        .filter_map(|(seed, ran)| Some((seed, ran.err()?)))
        .collect();
    let first = bad.first();
    assert!(bad.is_empty(), "{} of {SEEDS} runs: {first:?}", bad.len());
    assert!(tally.overlaps > SEEDS / 20, "{}", tally.overlaps);
    assert!(tally.found > SEEDS / 2, "{}", tally.found);
    assert!(tally.terms > 10 * SEEDS, "{}", tally.terms);
}

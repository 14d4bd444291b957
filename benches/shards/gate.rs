//! The price of one request at the gate.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use noleader::{
    LeaderHandle, ShardId, Shards,
    store::{Memory, MemoryShards},
};

use crate::Result;

const ROUNDS: u32 = 2_000_000;
const SERIES: usize = 7;
const COUNT: u32 = 1_000;

pub(crate) async fn print() -> Result<()> {
    let leader = LeaderHandle::with_store(Memory::new())
        .dangerous_trust_absent_key(true)
        .start()
        .await?;
    leader.elected().await?;
    let shards = Shards::with_store(MemoryShards::new(), COUNT)
        .lease(Duration::from_secs(2))
        .start()
        .await?;
    while shards.owned().len() < COUNT as usize {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let clock = time(|_| {
        black_box(Instant::now());
    });
    let single = time(|_| {
        black_box(leader.admit()).ok();
    });
    let shard = time(|round| {
        black_box(shards.admit(ShardId::new(round % COUNT))).ok();
    });
    let key = time(|_| {
        black_box(shards.admit(shards.of(black_box("customer-17")))).ok();
    });
    println!("| | ns | x clock read |\n|---|---|---|");
    for (name, time) in [
        ("clock read", clock),
        ("admit, one election", single),
        ("admit, one of 1,000 shards", shard),
        ("the same, by a key of 11 letters", key),
    ] {
        let nanos = time.as_secs_f64() * 1e9;
        println!(
            "| {name} | {nanos:.1} | {:.2} |",
            nanos / clock.as_secs_f64() / 1e9
        );
    }
    Ok(())
}

/// The time of one round: the best of some series.
fn time(mut round: impl FnMut(u32)) -> Duration {
    let series = (0..SERIES).map(|_| {
        let begun = Instant::now();
        for number in 0..ROUNDS {
            round(number);
        }
        begun.elapsed()
    });
    series.min().unwrap_or_default() / ROUNDS
}

//! A soak test: under constant churn, nothing leaks and nothing grows.
//!
//! ```sh
//! cargo test --test soak                                              # ten elections, 20 s of churn
//! NOLEADER_SOAK_SECS=600 cargo test --test soak -- --nocapture        # a hundred elections
//! ```
//!
//! The elections have ten candidates each and run on one real server. Leaders step down, candidates stop and are
//! replaced, connections fail, requests are admitted, rejected and abandoned, and watchers come and go. Once all
//! elections have settled again, no task, file descriptor, consumer or subscription may be left over, and memory
//! must not have grown during the churn.
//!
//! The same holds for 1,024 shards, of which more than a thousand move between five nodes.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests panic when they fail, and bound their waiting with a plain clock"
)]
#![allow(clippy::print_stdout, reason = "the figures are the purpose of a run")]

mod churn;
mod crowd;
mod cuts;
mod gauge;
mod requests;
mod shards;
mod tally;
mod verdict;

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use noleader_fixture::eventually;
use tokio::{sync::Mutex, time::sleep};

use crate::{
    churn::Churn,
    crowd::Crowd,
    gauge::{Gauge, Reading},
    tally::Tally,
    verdict::Memory,
};

/// The longest wait until everything left over is gone. The server keeps the consumer of an ended watch for 5 s,
/// which the store requests.
const BOUND: Duration = Duration::from_secs(180);

const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// Locked by a test, since each measures this process.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The duration of a long run, if one was asked for.
fn duration() -> Option<Duration> {
    let secs = env::var("NOLEADER_SOAK_SECS").ok()?;
    Some(Duration::from_secs(secs.parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_grows_under_churn() {
    let _alone = ALONE.lock().await;
    let (elections, time) = duration().map_or((10, Duration::from_secs(20)), |time| (100, time));
    let (server, gauge) = gauge::server().await;
    let crowd = Arc::new(Crowd::gather(&server, elections).await);
    crowd.settled().await;
    // Each watch is one consumer.
    let all_watch = |reading: &Reading| reading.consumers == crowd.size() as u64;
    let start = at_rest(&gauge, "the start", all_watch).await;
    assert!(all_watch(&start), "at the start: {start}");
    println!("start  {start}");

    let tally = Arc::new(Tally::default());
    let churn = Churn::begin(&crowd, &tally);
    let memory = watch(&gauge, time, &tally).await;
    churn.end().await;
    println!("churn  {tally}");
    tally.check();
    crowd.settled().await;
    let settled = |reading: &Reading| reading.left_over(&start).is_empty() && all_watch(reading);
    let end = at_rest(&gauge, "the end", settled).await;
    println!("end    {end}");
    println!("memory {memory}");
    assert_eq!(end.left_over(&start), Vec::<String>::new());
    assert!(
        all_watch(&end),
        "some candidates do not watch the key again"
    );
    memory.check();
}

/// Reads the gauge until the reading matches or the time is over. The caller checks the last reading.
async fn at_rest(gauge: &Gauge, what: &str, wanted: impl Fn(&Reading) -> bool) -> Reading {
    let mut last = gauge.read().await;
    let settling = eventually(what, BOUND, async || {
        last = gauge.read().await;
        wanted(&last).then_some(())
    });
    if let Err(error) = settling.await {
        println!("{error}");
    }
    last
}

/// Waits while the churn runs, and prints a line from time to time. On a slow machine it waits until every kind
/// of event has occurred.
async fn watch(gauge: &Gauge, time: Duration, tally: &Tally) -> Memory {
    let (began, mut memory) = (Instant::now(), Memory::default());
    let (line_every, mut next_line) = (time / 20, Duration::ZERO);
    while began.elapsed() < time || (began.elapsed() < BOUND && !tally.is_complete()) {
        let reading = gauge.read().await;
        memory.add(&reading);
        if began.elapsed() >= next_line {
            next_line += line_every;
            let now = began.elapsed().as_secs();
            println!("{now:>5} s {reading}; {tally}");
        }
        sleep(SAMPLE_EVERY).await;
    }
    memory
}

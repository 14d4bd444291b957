//! The duration of elections and hand-overs on a real nats-server, compared with a raw write and a push in the same
//! run.
//!
//! `cargo bench --bench failover` prints the table in docs/figures.md. `NOLEADER_ROUNDS` sets the number of rounds,
//! 100 by default.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a program to run by hand, which measures with a plain clock"
)]

use std::{
    env,
    time::{Duration, Instant},
};

use async_nats::jetstream::{self, kv};
use futures_util::StreamExt;
use noleader::{Builder, LeaderHandle, Status};
use noleader_fixture::Server;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The shortest lease that is accepted.
const LEASE: Duration = Duration::from_millis(200);

/// Long enough not to expire while a hand-over is measured.
const CALM: Duration = Duration::from_millis(600);

fn main() -> Result<()> {
    let rounds = env::var("NOLEADER_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(100);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let server = Server::start().await?;
        println!(
            "nats-server {}, {rounds} rounds\n",
            server.client().await?.server_info().version
        );
        println!("| | p50 | p99 | max | |\n|---|---|---|---|---|");
        let (write, push) = raw(&server, rounds * 10).await?;
        let hop = write.p50() + push.p50();
        write.print("raw compare-and-set write", "");
        push.print("raw watch push", "from the start of the write");
        let after_release = after_a_release(&server, rounds).await?;
        after_release.print("first election after a release", "bound: 50 ms");
        let none = where_no_record_is(&server, rounds).await?;
        none.print(
            "first election where the key has no record",
            "bound: lease of 200 ms + 50 ms",
        );
        let handed = hand_over(&server, rounds).await?;
        let ratio = handed.p50().as_secs_f64() / hop.as_secs_f64();
        handed.print(
            "graceful hand-over",
            &format!("{ratio:.2} x (write + push); bound: 4"),
        );
        let crash = crash(&server, rounds).await?;
        crash.print("crash failover", "bound: lease of 200 ms + 50 ms at p99");
        Ok(())
    })
}

/// Writes one after the other, and the time until a watch shows each.
async fn raw(server: &Server, rounds: usize) -> Result<(Times, Times)> {
    let bucket = kv::Config {
        bucket: "raw".to_owned(),
        ..Default::default()
    };
    let writer = jetstream::new(server.client().await?)
        .create_key_value(bucket)
        .await?;
    let reader = jetstream::new(server.client().await?)
        .get_key_value("raw")
        .await?;
    let mut watch = reader.watch("key").await?;
    let (mut writes, mut pushes) = (Times::default(), Times::default());
    let mut revision = 0;
    for _ in 0..rounds {
        let begin = Instant::now();
        let (written, pushed) = tokio::join!(
            async {
                (
                    writer.update("key", "x".into(), revision).await,
                    begin.elapsed(),
                )
            },
            async { (watch.next().await, begin.elapsed()) }
        );
        revision = written.0?;
        writes.0.push(written.1);
        pushes.0.push(pushed.1);
    }
    Ok((writes, pushes))
}

/// From the start of a candidate to its election, after the last leader's release.
async fn after_a_release(server: &Server, rounds: usize) -> Result<Times> {
    let mut times = Times::default();
    for _ in 0..rounds {
        let client = server.client().await?;
        let begin = Instant::now();
        let handle = LeaderHandle::builder("released", "key")
            .dangerous_trust_absent_key(true)
            .start(client)
            .await?;
        handle.elected().await?;
        times.0.push(begin.elapsed());
        handle.shutdown().await?;
    }
    times.0.remove(0); // the key had no record
    Ok(times)
}

/// From the start of a candidate to its election, on a key without a record.
async fn where_no_record_is(server: &Server, rounds: usize) -> Result<Times> {
    let mut times = Times::default();
    for round in 0..rounds {
        let client = server.client().await?;
        let begin = Instant::now();
        let builder = LeaderHandle::builder("absent", round.to_string()).lease(LEASE);
        let handle = builder.start(client).await?;
        handle.elected().await?;
        times.0.push(begin.elapsed());
    }
    Ok(times)
}

/// From the call of `step_down` to the successor's election, without the random delay.
async fn hand_over(server: &Server, rounds: usize) -> Result<Times> {
    let candidate = |id: &str| {
        LeaderHandle::builder("handed", "key")
            .id(id)
            .lease(CALM)
            .campaign_delay(Duration::ZERO)
    };
    let mut leader = candidate("a").start(server.client().await?).await?;
    leader.elected().await?;
    let mut other = candidate("b").start(server.client().await?).await?;
    let mut times = Times::default();
    while times.0.len() < rounds {
        follows(&other, leader.id()).await?;
        // Past the former leader's cool-down of half a lease.
        tokio::time::sleep(CALM / 2).await;
        let begin = Instant::now();
        let (stepped_down, elected) = tokio::join!(leader.step_down(), async {
            (other.elected().await, begin.elapsed())
        });
        stepped_down?;
        elected.0?;
        times.0.push(elected.1);
        std::mem::swap(&mut leader, &mut other);
    }
    Ok(times)
}

/// From the death of the leader's process to the successor's election.
async fn crash(server: &Server, rounds: usize) -> Result<Times> {
    let mut times = Times::default();
    for round in 0..rounds {
        let key = round.to_string();
        let candidate = move |id: &str| LeaderHandle::builder("crash", &key).id(id).lease(LEASE);
        let options = server.connect_options();
        let url = server.url();
        let doomed = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let leading = doomed.spawn(lead(
            candidate("a").dangerous_trust_absent_key(true),
            options,
            url,
        ));
        let leader = leading.await??;
        let other = candidate("b").start(server.client().await?).await?;
        follows(&other, leader.id()).await?;
        // From here on the leader sends neither a release nor a renewal.
        doomed.shutdown_background();
        let begin = Instant::now();
        other.elected().await?;
        times.0.push(begin.elapsed());
    }
    Ok(times)
}

async fn lead(
    candidate: Builder,
    options: async_nats::ConnectOptions,
    url: String,
) -> Result<LeaderHandle> {
    let leader = candidate.start(options.connect(url).await?).await?;
    leader.elected().await?;
    Ok(leader)
}

async fn follows(handle: &LeaderHandle, id: &str) -> Result<()> {
    let of_id =
        |status: &Status| matches!(status, Status::Follower { leader: Some(l) } if l.id() == id);
    handle.watch().wait_for(of_id).await?;
    Ok(())
}

#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn quantile(&self, hundredths: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * hundredths / 100).min(sorted.len() - 1)]
    }

    fn p50(&self) -> Duration {
        self.quantile(50)
    }

    fn print(&self, name: &str, remark: &str) {
        let ms = |hundredths| self.quantile(hundredths).as_secs_f64() * 1e3;
        println!(
            "| {name} | {:.2} ms | {:.2} ms | {:.2} ms | {remark} |",
            ms(50),
            ms(99),
            ms(100)
        );
    }
}

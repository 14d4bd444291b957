//! Many candidates for one lease, and how long a hand-over takes.
//!
//! ```sh
//! cargo run --release --example lots_of_candidates        # 100 of them
//! cargo run --release --example lots_of_candidates 1000
//! ```
//!
//! The election uses the NATS server at `NATS_URL`, or starts a server if that is not set. The leader steps down ten
//! times. Meanwhile one thread reads every gate, and counts how many are open at once.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]
#![allow(
    clippy::disallowed_methods,
    reason = "it measures, and decides nothing"
)]

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use noleader::{LeaderHandle, Term};
use noleader_fixture::Server;
use tokio::sync::mpsc;

const LEASE: Duration = Duration::from_secs(3);
const HAND_OVERS: u32 = 10;

/// A candidate that has been elected.
struct Elected {
    leader: LeaderHandle,
    term: Term,
    at: Instant,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count = env::args().nth(1).map_or(Ok(100), |count| count.parse())?;
    let (_server, url) = match env::var("NATS_URL") {
        Ok(url) => (None, url),
        Err(_) => {
            let server = Server::start().await?;
            let url = server.url();
            (Some(server), url)
        }
    };

    let started = Instant::now();
    let candidates = start(count, &url).await?;
    println!("{count} candidates started in {:.1?}", started.elapsed());
    let mut elections = announce(&candidates);
    let inspection = Inspection::start(candidates.clone());

    let mut now = elections.recv().await.context("no candidate was elected")?;
    let took = now.at - started;
    println!(
        "{:>5} leads, token {}, after {took:.1?}",
        now.leader.id(),
        now.term.token()
    );
    for _ in 0..HAND_OVERS {
        let asked = Instant::now();
        now.leader.step_down().await?;
        now = elections.recv().await.context("no candidate was elected")?;
        let took = now.at - asked;
        println!(
            "{:>5} leads, token {}, after {took:.1?}",
            now.leader.id(),
            now.term.token()
        );
    }

    let (looks, most_open) = inspection.stop()?;
    println!("read all gates {looks} times; at most {most_open} open at once");
    anyhow::ensure!(most_open <= 1, "two gates were open");
    for candidate in &candidates {
        candidate.shutdown().await?;
    }
    Ok(())
}

async fn start(count: usize, url: &str) -> anyhow::Result<Vec<LeaderHandle>> {
    let client = async_nats::connect(url).await?;
    let mut candidates = Vec::with_capacity(count);
    for number in 0..count {
        let builder = LeaderHandle::builder("lots_of_candidates", "leader")
            .id(format!("#{number}"))
            .lease(LEASE);
        candidates.push(builder.start(client.clone()).await?);
    }
    Ok(candidates)
}

/// Reports each election of any candidate.
fn announce(candidates: &[LeaderHandle]) -> mpsc::UnboundedReceiver<Elected> {
    let (sender, elections) = mpsc::unbounded_channel();
    for leader in candidates {
        let (leader, sender) = (leader.clone(), sender.clone());
        tokio::spawn(async move {
            while let Ok(term) = leader.elected().await {
                let ended = term.cancellation();
                let (leader, at) = (leader.clone(), Instant::now());
                if sender.send(Elected { leader, term, at }).is_err() {
                    return;
                }
                ended.cancelled().await;
            }
        });
    }
    elections
}

/// A thread that reads all gates continuously.
struct Inspection {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<(u64, usize)>,
}

impl Inspection {
    fn start(candidates: Vec<LeaderHandle>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let (mut looks, mut most_open) = (0, 0);
            while !stopped.load(Ordering::Relaxed) {
                most_open = most_open.max(open_at_once(&candidates));
                looks += 1;
                thread::yield_now();
            }
            (looks, most_open)
        });
        Self { stop, thread }
    }

    /// How often it read the gates, and how many were open at once at most.
    fn stop(self) -> anyhow::Result<(u64, usize)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow::anyhow!("the inspection panicked"))
    }
}

/// Reading all gates takes a while, in which one may close and another open. Terms that are still current
/// afterwards were current at once: a term that is over never becomes current again.
fn open_at_once(candidates: &[LeaderHandle]) -> usize {
    let terms: Vec<Term> = candidates.iter().filter_map(LeaderHandle::term).collect();
    terms.iter().filter(|term| term.is_current()).count()
}

//! Clients that write to every candidate continuously, whether it leads or not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderMap, Method, StatusCode};
use fastrand::Rng;
use noleader_fixture::eventually;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    candidate::LEASE,
    cast::Cast,
    clock::{nanos, now},
    http::Sender,
};

/// The time between two writes to one candidate: 200 writes per second to all five.
const PACE: Duration = Duration::from_millis(25);
/// The most writes in progress to one candidate. Writes to a stopped one wait in its sockets.
const AT_ONCE: usize = 64;
/// The timeout of a client.
const PATIENCE: Duration = Duration::from_secs(10);
/// The resolution of the availability.
pub(crate) const BUCKET: Duration = Duration::from_millis(100);
/// The longest wait for a leader once the faults have ended.
pub(crate) const BOUND: Duration = Duration::from_secs(120);

/// The outcomes of the writes.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) taken: AtomicU64,
    /// Rejected by a gate.
    pub(crate) refused: AtomicU64,
    pub(crate) unanswered: AtomicU64,
    /// Admitted by a gate, but rejected by the storage, or the storage was unreachable.
    pub(crate) failed: AtomicU64,
    /// When the last write was accepted, and the longest time without one.
    last: AtomicU64,
    gap: AtomicU64,
    leader: AtomicUsize,
    /// The largest token of an accepted write.
    pub(crate) largest: AtomicU64,
    /// The number of [`BUCKET`]s with an accepted write, and the last of them.
    buckets: AtomicU64,
    last_bucket: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) tally: Arc<Tally>,
    clients: JoinSet<()>,
}

impl Traffic {
    pub(crate) fn start(cast: &Cast, seed: u64) -> Self {
        let tally = Arc::<Tally>::default();
        let mut clients = JoinSet::new();
        for candidate in &cast.candidates {
            let rng = Rng::with_seed(seed.wrapping_add(candidate.index as u64));
            let (sender, tally) = (candidate.sender.clone(), tally.clone());
            clients.spawn(client(candidate.index, sender, rng, tally));
        }
        Self { tally, clients }
    }

    /// Waits until this many more writes are accepted.
    pub(crate) async fn more(&self, count: u64) {
        let taken = || self.tally.taken.load(Ordering::Relaxed);
        let goal = taken() + count;
        let reached = async || (taken() >= goal).then_some(());
        eventually("writes by a leader", BOUND, reached)
            .await
            .unwrap();
    }

    /// The current leader. Waits a while for the next accepted write, since there may be no leader now.
    pub(crate) async fn leader(&self) -> usize {
        let taken = || self.tally.taken.load(Ordering::Relaxed);
        let before = taken();
        let next = async || (taken() > before).then_some(());
        // Without a leader, the last one is as good a target as any.
        let _ = eventually("the next write", LEASE * 2, next).await;
        self.tally.leader.load(Ordering::Relaxed)
    }

    pub(crate) async fn stop(&mut self) {
        self.clients.shutdown().await;
    }
}

async fn client(index: usize, sender: Sender, mut rng: Rng, tally: Arc<Tally>) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut under_way = JoinSet::new();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        pace.tick().await;
        while under_way.try_join_next().is_some() {}
        let Ok(turn) = turns.clone().try_acquire_owned() else {
            continue;
        };
        let (sender, tally, path) = (sender.clone(), tally.clone(), path(&mut rng));
        under_way.spawn(async move {
            let answer = sender
                .send(Method::POST, &path, HeaderMap::new(), PATIENCE)
                .await;
            tally.add(index, answer.map(|a| (a.status(), token(a.body()))));
            drop(turn);
        });
    }
}

/// Most writes are short; some take longer than a fault or a lease.
fn path(rng: &mut Rng) -> String {
    let hold_ms = match rng.u8(..100) {
        0..80 => rng.u64(0..20),
        80..97 => rng.u64(50..400),
        _ => rng.u64(500..4000),
    };
    format!("/write?hold_ms={hold_ms}")
}

fn token(body: &[u8]) -> Option<u64> {
    str::from_utf8(body).ok()?.trim().parse().ok()
}

impl Tally {
    fn add(&self, index: usize, answer: Option<(StatusCode, Option<u64>)>) {
        let count = match answer {
            Some((StatusCode::CREATED, Some(token))) => {
                self.taken_by(index, token);
                &self.taken
            }
            Some((StatusCode::SERVICE_UNAVAILABLE, _)) => &self.refused,
            Some(_) => &self.failed,
            None => &self.unanswered,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn taken_by(&self, index: usize, token: u64) {
        if self.largest.fetch_max(token, Ordering::Relaxed) <= token {
            self.leader.store(index, Ordering::Relaxed);
        }
        let now = now();
        let last = self.last.fetch_max(now, Ordering::Relaxed);
        if last != 0 {
            self.gap
                .fetch_max(now.saturating_sub(last), Ordering::Relaxed);
        }
        let bucket = now / nanos(BUCKET);
        if self.last_bucket.fetch_max(bucket, Ordering::Relaxed) < bucket {
            self.buckets.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The longest time between two accepted writes.
    pub(crate) fn gap(&self) -> u64 {
        self.gap.load(Ordering::Relaxed)
    }

    /// How long writes were accepted, in multiples of [`BUCKET`].
    pub(crate) fn available(&self) -> Duration {
        let buckets = self.buckets.load(Ordering::Relaxed);
        BUCKET.saturating_mul(u32::try_from(buckets).unwrap())
    }
}

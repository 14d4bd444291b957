//! Clients that write to every candidate continuously, whether it leads or not.

use std::{
    sync::{
        Arc, Mutex,
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
    kind::Kind,
    writes::Write,
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
    /// For each shard.
    shards: Vec<OfShard>,
    pub(crate) taken: AtomicU64,
    accepted: Mutex<Vec<Write>>,
    /// Rejected by a gate.
    pub(crate) refused: AtomicU64,
    pub(crate) unanswered: AtomicU64,
    /// Admitted by a gate, but rejected by the storage, or the storage was unreachable.
    pub(crate) failed: AtomicU64,
    /// When the last write was accepted, and the longest time without one.
    last: AtomicU64,
    gap: AtomicU64,
    leader: AtomicUsize,
    /// The number of [`BUCKET`]s with an accepted write, and the last of them.
    buckets: AtomicU64,
    last_bucket: AtomicU64,
}

#[derive(Debug, Default)]
struct OfShard {
    taken: AtomicU64,
    /// The largest token of an accepted write.
    largest: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) tally: Arc<Tally>,
    clients: JoinSet<()>,
}

impl Traffic {
    pub(crate) fn start(cast: &Cast, seed: u64) -> Self {
        let tally = Arc::new(Tally::new(cast.kind));
        let (keys, ids) = (Arc::new(cast.kind.keys()), Arc::<AtomicU64>::default());
        let mut clients = JoinSet::new();
        for candidate in &cast.candidates {
            let rng = Rng::with_seed(seed.wrapping_add(candidate.index as u64));
            let client = Client {
                index: candidate.index,
                sender: candidate.sender.clone(),
                tally: tally.clone(),
                keys: keys.clone(),
                ids: ids.clone(),
            };
            clients.spawn(client.run(rng));
        }
        Self { tally, clients }
    }

    /// Waits until this many more writes are accepted, and at least one of each shard.
    pub(crate) async fn more(&self, count: u64) {
        self.reach(count).await.unwrap();
    }

    /// Does the same, and returns what was missing at the end of the bound.
    pub(crate) async fn reach(&self, count: u64) -> Result<(), String> {
        let (before, goal) = (self.tally.by_shard(), self.tally.taken() + count);
        let unserved = || {
            let now = self.tally.by_shard();
            let unserved = (0..).zip(now.iter().zip(&before));
            let unserved = unserved.filter(|(_, (now, before))| now == before);
            unserved.map(|(shard, _)| shard).collect::<Vec<u32>>()
        };
        let reached = async || (unserved().is_empty() && self.tally.taken() >= goal).then_some(());
        let reaching = eventually("writes by the leaders", BOUND, reached);
        let missing = |error| format!("{error}; the shards without a write: {:?}", unserved());
        reaching.await.map_err(missing)
    }

    /// The current leader, of any shard. Waits a while for the next accepted write, since there may be no leader now.
    pub(crate) async fn leader(&self) -> usize {
        let before = self.tally.taken();
        let next = async || (self.tally.taken() > before).then_some(());
        // Without a leader, the last one is as good a target as any.
        let _ = eventually("the next write", LEASE * 2, next).await;
        self.tally.leader.load(Ordering::Relaxed)
    }

    pub(crate) async fn stop(&mut self) {
        self.clients.shutdown().await;
    }
}

struct Client {
    index: usize,
    sender: Sender,
    tally: Arc<Tally>,
    /// A key of each shard.
    keys: Arc<Vec<String>>,
    /// The numbers of the writes.
    ids: Arc<AtomicU64>,
}

impl Client {
    /// Writes to each shard in turn.
    async fn run(self, mut rng: Rng) {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut under_way = JoinSet::new();
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let keys = self.keys.clone();
        for (shard, key) in (0..).zip(&*keys).cycle() {
            pace.tick().await;
            while under_way.try_join_next().is_some() {}
            let Ok(turn) = turns.clone().try_acquire_owned() else {
                continue;
            };
            let id = self.ids.fetch_add(1, Ordering::Relaxed);
            let path = format!("/write?hold_ms={}&key={key}&id={id}", hold_ms(&mut rng));
            let (index, sender, tally) = (self.index, self.sender.clone(), self.tally.clone());
            under_way.spawn(async move {
                let answer = sender
                    .send(Method::POST, &path, HeaderMap::new(), PATIENCE)
                    .await;
                let answer = answer.map(|a| (a.status(), token(a.body())));
                tally.add(index, (id, shard), answer);
                drop(turn);
            });
        }
    }
}

/// Most writes are short; some take longer than a fault or a lease.
fn hold_ms(rng: &mut Rng) -> u64 {
    match rng.u8(..100) {
        0..80 => rng.u64(0..20),
        80..97 => rng.u64(50..400),
        _ => rng.u64(500..4000),
    }
}

fn token(body: &[u8]) -> Option<u64> {
    str::from_utf8(body).ok()?.trim().parse().ok()
}

impl Tally {
    fn new(kind: Kind) -> Self {
        Self {
            shards: kind.keys().iter().map(|_| OfShard::default()).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// The largest token of an accepted write to the shard.
    pub(crate) fn largest(&self, shard: u32) -> u64 {
        self.shards[shard as usize].largest.load(Ordering::Relaxed)
    }

    /// The accepted writes.
    pub(crate) fn accepted(&self) -> Vec<Write> {
        self.accepted.lock().unwrap().clone()
    }

    fn by_shard(&self) -> Vec<u64> {
        let taken = |shard: &OfShard| shard.taken.load(Ordering::Relaxed);
        self.shards.iter().map(taken).collect()
    }

    fn add(
        &self,
        index: usize,
        (id, shard): (u64, u32),
        answer: Option<(StatusCode, Option<u64>)>,
    ) {
        let count = match answer {
            Some((StatusCode::CREATED, Some(token))) => {
                self.taken_by(index, Write { id, shard, token });
                &self.taken
            }
            Some((StatusCode::SERVICE_UNAVAILABLE, _)) => &self.refused,
            Some(_) => &self.failed,
            None => &self.unanswered,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn taken_by(&self, index: usize, write: Write) {
        let shard = &self.shards[write.shard as usize];
        self.accepted.lock().unwrap().push(write);
        shard.taken.fetch_add(1, Ordering::Relaxed);
        if shard.largest.fetch_max(write.token, Ordering::Relaxed) <= write.token {
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

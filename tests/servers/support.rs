//! Helpers that the tests share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::jetstream::{self, kv};
use noleader::{Builder, LeaderHandle, Shards, Status, Term, store::JetStream};
use noleader_fixture::{Proxy, Server, eventually};
use tokio::time::timeout;

/// The longest wait for an expected event; far more than it takes on any machine.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Long enough to be renewed on a slow machine, and short enough for a test to wait for its expiry.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

pub(crate) fn candidate(id: &str) -> Builder {
    LeaderHandle::builder("elections", "writer")
        .id(id)
        .lease(LEASE)
}

/// A candidate with its own connection, for a work loop to start.
pub(crate) async fn candidate_of(server: &Server, id: &str) -> Builder<JetStream> {
    let store = JetStream::new(server.client().await.unwrap(), "elections", "writer");
    LeaderHandle::with_store(store).id(id).lease(LEASE)
}

/// A candidate that keeps its lease on a machine that is busy with many tests, and leads at once in a new bucket.
pub(crate) fn steady(id: &str) -> Builder {
    candidate(id)
        .lease(LEASE * 3)
        .dangerous_trust_absent_key(true)
}

/// The bucket of the elections, on a new connection.
pub(crate) async fn bucket(server: &Server) -> kv::Store {
    let context = jetstream::new(server.client().await.unwrap());
    context.get_key_value("elections").await.unwrap()
}

/// Starts a candidate on a new connection.
pub(crate) async fn start(server: &Server, builder: Builder) -> LeaderHandle {
    builder.start(server.client().await.unwrap()).await.unwrap()
}

/// Starts a candidate that reaches the server through a proxy.
pub(crate) async fn start_through(
    proxy: &Proxy,
    server: &Server,
    builder: Builder,
) -> LeaderHandle {
    let client = server.connect_options().connect(proxy.url()).await.unwrap();
    builder.start(client).await.unwrap()
}

pub(crate) async fn elected(handle: &LeaderHandle) -> Term {
    timeout(BOUND, handle.elected())
        .await
        .expect("an election within the bound")
        .unwrap()
}

/// Lets two candidates, each on its own connection, elect a leader, renew and hand over.
pub(crate) async fn hands_over(connect: impl AsyncFn() -> async_nats::Client) {
    let candidate = |id| steady(id).renew_every(Duration::from_millis(500));
    let a = candidate("a").start(connect().await).await.unwrap();
    let term = elected(&a).await;
    let b = candidate("b").start(connect().await).await.unwrap();
    follows(&b, "a").await;
    // The remaining time grows only by a renewal.
    let mut left = term.remaining();
    let more = async || {
        let before = std::mem::replace(&mut left, term.remaining());
        (left > before).then_some(())
    };
    eventually("a renewal", BOUND, more).await.unwrap();
    a.shutdown().await.unwrap();
    assert!(elected(&b).await.token() > term.token());
    b.shutdown().await.unwrap();
}

/// Waits for a status that matches, and returns it.
pub(crate) async fn until(handle: &LeaderHandle, wanted: impl Fn(&Status) -> bool) -> Status {
    let mut status = handle.watch();
    let status = timeout(BOUND, status.wait_for(|status| wanted(status))).await;
    status
        .expect("the status within the bound")
        .unwrap()
        .clone()
}

pub(crate) async fn follows(handle: &LeaderHandle, id: &str) {
    until(
        handle,
        |status| matches!(status, Status::Follower { leader: Some(l) } if l.id() == id),
    )
    .await;
}

/// Waits until the term has ended, whether the task or the clock ended it.
pub(crate) async fn ended(term: &Term) {
    timeout(BOUND, term.cancellation().cancelled())
        .await
        .expect("the end of the term within the bound");
    assert!(!term.is_current());
}

/// A thread that reads the gates of several nodes continuously, and panics if two of one shard are open at one instant.
pub(crate) struct Watchman {
    watch: Arc<Watch>,
    thread: std::thread::JoinHandle<()>,
}

#[derive(Default)]
struct Watch {
    dismissed: AtomicBool,
    /// How often a gate was open.
    open: AtomicU64,
}

/// The gates that are open at a node, by shard.
type Gates = Box<dyn Fn() -> Vec<(u32, Term)> + Send>;

impl Watchman {
    /// Watches the gates of one election.
    pub(crate) fn over(handles: &[&LeaderHandle]) -> Self {
        Self::watching(handles, |handle| {
            handle.term().map(|term| (0, term)).into_iter().collect()
        })
    }

    /// Watches the gates of all shards.
    pub(crate) fn over_shards(nodes: &[&Shards]) -> Self {
        Self::watching(nodes, |node| {
            let owned = node.owned().into_iter();
            owned
                .map(|shard| (shard.index(), shard.term().clone()))
                .collect()
        })
    }

    fn watching<T: Clone + Send + 'static>(nodes: &[&T], open: fn(&T) -> Vec<(u32, Term)>) -> Self {
        let gates = nodes.iter().map(|node| -> Gates {
            let node = T::clone(node);
            Box::new(move || open(&node))
        });
        let (gates, watch) = (gates.collect::<Vec<_>>(), Arc::<Watch>::default());
        let thread = std::thread::spawn({
            let watch = watch.clone();
            move || watch.over(&gates)
        });
        Self { watch, thread }
    }

    /// Stops the thread once it has seen an open gate, and returns how often it has seen one.
    pub(crate) async fn dismiss(self) -> u64 {
        let open = async || match self.watch.open.load(Ordering::Relaxed) {
            0 if !self.thread.is_finished() => None,
            times => Some(times),
        };
        let open = eventually("an open gate to be seen", BOUND, open)
            .await
            .unwrap();
        self.watch.dismissed.store(true, Ordering::Relaxed);
        tokio::task::spawn_blocking(|| self.thread.join().expect("at most one open gate"))
            .await
            .unwrap();
        open
    }
}

impl Watch {
    fn over(&self, nodes: &[Gates]) {
        let end = Instant::now() + BOUND * 3;
        while !self.dismissed.load(Ordering::Relaxed) && Instant::now() < end {
            // A gate that is open under one term in both rounds was open between the rounds too. So two such gates were
            // open at one instant.
            let first: Vec<_> = nodes.iter().map(|gates| gates()).collect();
            let second: Vec<_> = nodes.iter().map(|gates| gates()).collect();
            let mut open = BTreeMap::new();
            for (first, second) in first.iter().zip(&second) {
                for (shard, term) in second.iter().filter(|gate| first.contains(gate)) {
                    let other = open.insert(*shard, term);
                    assert!(
                        other.is_none(),
                        "two gates of {shard} open at one instant: {other:?}, {term:?}"
                    );
                }
            }
            let open = u64::from(!open.is_empty());
            self.open.fetch_add(open, Ordering::Relaxed);
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

//! Helpers that the tests share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::jetstream::{self, kv};
use noleader::{Builder, LeaderHandle, Status, Term, store::JetStream};
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

/// A thread that reads several gates continuously, and panics if two of them are open at one instant.
pub(crate) struct Watchman {
    watch: Arc<Watch>,
    thread: std::thread::JoinHandle<()>,
}

#[derive(Default)]
struct Watch {
    dismissed: AtomicBool,
    /// How often exactly one gate was open.
    open_once: AtomicU64,
}

impl Watchman {
    pub(crate) fn over(handles: &[&LeaderHandle]) -> Self {
        let handles: Vec<_> = handles.iter().map(|handle| (*handle).clone()).collect();
        let watch = Arc::<Watch>::default();
        let thread = std::thread::spawn({
            let watch = watch.clone();
            move || watch.over(&handles)
        });
        Self { watch, thread }
    }

    /// Stops the thread once it has seen an open gate, and returns how often it has seen one.
    pub(crate) async fn dismiss(self) -> u64 {
        let open_once = async || match self.watch.open_once.load(Ordering::Relaxed) {
            0 if !self.thread.is_finished() => None,
            times => Some(times),
        };
        let open_once = eventually("an open gate to be seen", BOUND, open_once)
            .await
            .unwrap();
        self.watch.dismissed.store(true, Ordering::Relaxed);
        tokio::task::spawn_blocking(|| self.thread.join().expect("at most one open gate"))
            .await
            .unwrap();
        open_once
    }
}

impl Watch {
    fn over(&self, handles: &[LeaderHandle]) {
        let end = Instant::now() + BOUND * 3;
        while !self.dismissed.load(Ordering::Relaxed) && Instant::now() < end {
            // A gate that is open under one term in both rounds was open between the rounds too. So two such gates were
            // open at one instant.
            let first: Vec<_> = handles.iter().map(LeaderHandle::term).collect();
            let second: Vec<_> = handles.iter().map(LeaderHandle::term).collect();
            let open = first
                .iter()
                .zip(&second)
                .filter(|(a, b)| a.is_some() && a == b)
                .count();
            assert!(open <= 1, "{open} gates open at one instant: {handles:?}");
            self.open_once
                .fetch_add(u64::from(open == 1), Ordering::Relaxed);
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

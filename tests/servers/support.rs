//! What the tests have in common.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use noleader::{Builder, LeaderHandle, Status, Term};
use noleader_fixture::{Proxy, Server};
use tokio::{sync::Mutex, time::timeout};

/// How long a test waits for what must come. Far more than it takes, on any machine.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// A lease that leaves a slow machine time to renew, and a test little to wait.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

pub(crate) fn candidate(id: &str) -> Builder {
    LeaderHandle::builder("elections", "writer")
        .id(id)
        .lease(LEASE)
}

/// Starts a candidate on a connection of its own.
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
        .expect("an election in time")
        .unwrap()
}

/// Waits for a status, and says which.
pub(crate) async fn until(handle: &LeaderHandle, wanted: impl Fn(&Status) -> bool) -> Status {
    let mut status = handle.status();
    let status = timeout(BOUND, status.wait_for(|status| wanted(status))).await;
    status.expect("a status in time").unwrap().clone()
}

pub(crate) async fn follows(handle: &LeaderHandle, id: &str) {
    until(
        handle,
        |status| matches!(status, Status::Follower { leader: Some(l) } if l.id() == id),
    )
    .await;
}

/// Waits until the gate of this term has shut, by the task or by the clock.
pub(crate) async fn ended(term: &Term) {
    timeout(BOUND, term.cancellation().cancelled())
        .await
        .expect("the end of the term in time");
    assert!(!term.is_current());
}

/// Looks at several gates without pause, and at no time finds two of them open.
pub(crate) struct Watchman {
    stop: Arc<Mutex<bool>>,
    thread: std::thread::JoinHandle<u64>,
}

impl Watchman {
    pub(crate) fn over(handles: &[&LeaderHandle]) -> Self {
        let handles: Vec<_> = handles.iter().map(|handle| (*handle).clone()).collect();
        let stop = Arc::new(Mutex::new(false));
        let thread = std::thread::spawn({
            let stop = stop.clone();
            move || watch(&handles, &stop)
        });
        Self { stop, thread }
    }

    /// Ends the watch, and answers how often exactly one gate was open.
    pub(crate) async fn dismiss(self) -> u64 {
        *self.stop.lock().await = true;
        tokio::task::spawn_blocking(|| self.thread.join().expect("never two gates"))
            .await
            .unwrap()
    }
}

fn watch(handles: &[LeaderHandle], stop: &Mutex<bool>) -> u64 {
    let end = Instant::now() + BOUND * 3;
    let mut open_once = 0;
    while !*stop.blocking_lock() && Instant::now() < end {
        // A gate that is open in a first round and still in a third, under one term, was open during the
        // second one as well: so two of them were open at one instant.
        let first: Vec<_> = handles.iter().map(LeaderHandle::term).collect();
        let third: Vec<_> = handles.iter().map(LeaderHandle::term).collect();
        let open = first
            .iter()
            .zip(&third)
            .filter(|(a, b)| a.is_some() && a == b)
            .count();
        assert!(open <= 1, "{open} gates open at one instant: {handles:?}");
        open_once += u64::from(open == 1);
        std::thread::sleep(Duration::from_micros(200));
    }
    open_once
}

//! The work loop without a server, and its pauses.

use std::{
    future::{Future, pending, ready},
    io,
    time::Duration,
};

use async_nats::ConnectOptions;
use noleader::{
    Leader, LeaderHandle, RunError, Term,
    store::{JetStream, Memory},
    test_util::FakeClock,
};
use tokio::{
    join,
    sync::{
        mpsc,
        oneshot::{self, error::TryRecvError},
    },
    task::{JoinHandle, yield_now},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::support::{candidate, settle};

const BOUND: Duration = Duration::from_secs(20);
const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_nanos(1);

async fn store_without_a_server() -> JetStream {
    let options = ConnectOptions::new().retry_on_initial_connect();
    let client = options.connect("127.0.0.1:1").await.unwrap();
    JetStream::new(client, "orders", "writer")
}

async fn leader_without_a_server() -> Leader {
    Leader::with_builder(LeaderHandle::with_store(store_without_a_server().await))
}

async fn work(_: CancellationToken) -> io::Result<()> {
    Ok(())
}

#[tokio::test]
async fn a_loop_ends_with_an_unconnected_start() {
    let leader = leader_without_a_server().await;
    let stop = CancellationToken::new();
    let stopper = async {
        // After the others have been polled.
        yield_now().await;
        stop.cancel();
    };
    let all = async {
        join!(
            leader.start(stop.clone()),
            leader.do_while_leader(work),
            stopper
        )
    };
    let (started, worked, ()) = timeout(BOUND, all).await.expect("the loop ends");
    started.unwrap();
    worked.unwrap();
}

#[tokio::test]
async fn a_loop_ends_with_a_cancelled_start() {
    let leader = leader_without_a_server().await;
    let stopped = CancellationToken::new();
    stopped.cancel();
    let both = async { join!(leader.start(stopped), leader.do_while_leader(work)) };
    let (started, worked) = timeout(BOUND, both).await.expect("the loop ends");
    started.unwrap();
    worked.unwrap();
}

/// A loop that leads, and the terms of its runs.
struct Loop {
    clock: FakeClock,
    leader: Leader,
    runs: mpsc::UnboundedReceiver<Term>,
    ended: JoinHandle<Result<(), RunError>>,
}

impl Loop {
    fn start<F>(grace_period: Duration, work: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send,
    {
        let clock = FakeClock::new();
        let candidate = candidate(Memory::new(), "a", &clock);
        let leader = Leader::with_builder(candidate).grace_period(grace_period);
        let (run, runs) = mpsc::unbounded_channel();
        let ended = tokio::spawn({
            let leader = leader.clone();
            async move {
                let work = |term| {
                    run.send(term).unwrap();
                    work()
                };
                leader.run(work).await
            }
        });
        Self {
            clock,
            leader,
            runs,
            ended,
        }
    }

    async fn next_run(&mut self) -> Term {
        timeout(BOUND, self.runs.recv()).await.unwrap().unwrap()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        settle().await;
    }

    fn shut_down(&self) {
        let handle = self.leader.handle().unwrap();
        tokio::spawn(async move { handle.shutdown().await });
    }

    async fn ends(self) {
        timeout(BOUND, self.ended).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_pace_of_runs_follows_the_fake_clock() {
    let mut paced = Loop::start(SECOND, || ready(Ok(())));
    for _ in 0..3 {
        paced.next_run().await;
        paced.advance(SECOND - TICK).await;
        assert!(paced.runs.is_empty());
        paced.advance(TICK).await;
        assert_eq!(paced.runs.len(), 1);
    }
}

#[tokio::test]
async fn a_shutdown_ends_the_pause_between_runs() {
    let mut paced = Loop::start(SECOND, || ready(Ok(())));
    paced.next_run().await;
    settle().await;
    paced.shut_down();
    paced.ends().await;
}

#[tokio::test]
async fn the_grace_period_follows_the_fake_clock() {
    let (running, mut dropped) = oneshot::channel::<()>();
    let running = std::sync::Mutex::new(Some(running));
    let mut stuck = Loop::start(SECOND * 2, move || {
        let running = running.lock().unwrap().take();
        async {
            let _running = running;
            pending().await
        }
    });
    let term = stuck.next_run().await;
    stuck.advance(SECOND * 4).await;
    stuck.shut_down();
    timeout(BOUND, term.closing().cancelled()).await.unwrap();
    settle().await;
    stuck.advance(SECOND * 2 - TICK).await;
    assert_eq!(dropped.try_recv(), Err(TryRecvError::Empty));
    stuck.advance(TICK).await;
    assert_eq!(dropped.try_recv(), Err(TryRecvError::Closed));
    stuck.ends().await;
}

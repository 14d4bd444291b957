//! `Leader` on a store in memory: what the closure gets, and what comes back.

use std::{fmt, io, sync::Arc, time::Duration};

use noleader::{Leader, LeaderHandle, RunError, Term, store::Memory};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

const BOUND: Duration = Duration::from_secs(60);

fn leader(store: &Memory) -> Leader {
    let builder = LeaderHandle::with_store(store.clone()).dangerous_trust_absent_key(true);
    Leader::with_builder(builder.id("node-7"))
}

#[tokio::test]
async fn run_passes_the_term_and_returns_the_typed_error() {
    let leader = leader(&Memory::new());
    assert_eq!(leader.leader_id(), "node-7");
    leader.create_bucket().await.unwrap();
    let (terms, mut seen) = mpsc::unbounded_channel();
    let work = leader.run(|term: Term| {
        terms.send(term.token()).unwrap();
        let held = leader.handle().unwrap().term();
        async move {
            assert!(term.is_current() && held == Some(term));
            Err::<(), _>(io::Error::other("the disk is full"))
        }
    });
    let error = timeout(BOUND, work).await.unwrap().unwrap_err();
    assert!(matches!(error, RunError::Work(_)), "{error:?}");
    let error = error.downcast::<fmt::Error>().unwrap_err();
    let error = error.downcast::<io::Error>().unwrap();
    assert_eq!(error.to_string(), "the disk is full");
    assert!(seen.recv().await.is_some());
    assert!(!leader.is_leader());
}

#[tokio::test]
async fn closing_ends_a_run_and_the_handle_ends_the_loop() {
    let leader = leader(&Memory::new());
    let (events, mut seen) = mpsc::unbounded_channel();
    let stop = async {
        assert_eq!(seen.recv().await, Some("begins"));
        leader.handle().unwrap().shutdown().await.unwrap();
        assert_eq!(seen.recv().await, Some("finishes"));
    };
    let work = leader.run(|term| {
        let events = events.clone();
        async move {
            events.send("begins").unwrap();
            term.closing().cancelled().await;
            // Closed, and not over: the grace period is for work that is in progress.
            tokio::task::yield_now().await;
            assert!(term.is_current());
            events.send("finishes").unwrap();
            Ok::<(), io::Error>(())
        }
    });
    let (ended, ()) = timeout(BOUND, async { tokio::join!(work, stop) })
        .await
        .unwrap();
    ended.unwrap();
}

#[tokio::test]
async fn what_the_closure_spawned_ends_with_its_future() {
    let leader = leader(&Memory::new());
    let (tokens, mut seen) = mpsc::unbounded_channel::<CancellationToken>();
    let work = leader.acquire_and_run(|token| {
        tokens.send(token.clone()).unwrap();
        async move {
            assert!(!token.is_cancelled());
            anyhow::bail!("enough")
        }
    });
    let error = timeout(BOUND, work).await.unwrap().unwrap_err();
    assert!(matches!(error, RunError::Work(_)), "{error:?}");
    assert!(seen.recv().await.unwrap().is_cancelled());
}

#[tokio::test]
async fn a_loop_runs_beside_a_start() {
    let leader = leader(&Memory::new());
    let stop = CancellationToken::new();
    let worked = leader.do_while_leader(|token| async move {
        assert!(!token.is_cancelled());
        Err::<(), _>(io::Error::other("once"))
    });
    let both = async {
        tokio::join!(leader.start(stop.clone()), async {
            let error = worked.await.unwrap_err();
            stop.cancel();
            error
        })
    };
    let (started, error) = timeout(BOUND, both).await.unwrap();
    started.unwrap();
    assert_eq!(error.downcast::<io::Error>().unwrap().to_string(), "once");
}

#[tokio::test]
async fn candidates_may_share_a_store_that_is_no_clone() {
    let store = Arc::new(Memory::new());
    let builder = LeaderHandle::with_store(store.clone()).dangerous_trust_absent_key(true);
    let handle = builder.start().await.unwrap();
    let term = timeout(BOUND, handle.elected()).await.unwrap().unwrap();
    assert!(store.get().value().is_some());
    assert_eq!(handle.leader().unwrap().token(), term.token());
    handle.shutdown().await.unwrap();
}

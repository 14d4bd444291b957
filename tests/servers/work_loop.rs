//! The work loop on a real server.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use noleader::{Leader, RunError, fencing::Fenced};
use noleader_fixture::Server;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::support::{
    BOUND, LEASE, bucket, candidate, candidate_of, elected, ended, follows, start,
};

async fn leader(server: &Server, id: &str) -> Leader {
    leader_for(LEASE, server, id).await
}

/// A leader with a lease longer than the test waits, so that only a release lets another candidate lead.
async fn lasting_leader(server: &Server, id: &str) -> Leader {
    leader_for(BOUND * 5, server, id).await
}

async fn leader_for(lease: Duration, server: &Server, id: &str) -> Leader {
    let builder = candidate_of(server, id)
        .await
        .lease(lease)
        .dangerous_trust_absent_key(true)
        .drain_timeout(Duration::from_secs(5));
    Leader::with_builder(builder)
}

#[tokio::test]
async fn api_of_0_1_still_works() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let leader = Leader::new("my_bucket", "election_key", client.clone());
    leader.create_bucket().await.unwrap();
    leader.create_bucket().await.unwrap();
    assert_eq!(leader.leader_id().to_string().len(), 36);
    assert!(!leader.is_leader() && leader.handle().is_none());
}

#[tokio::test]
async fn work_reruns_until_an_error_releases_the_lease() {
    let server = Server::start().await.unwrap();
    let a = lasting_leader(&server, "a").await;
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let work = a.acquire_and_run(move |token| {
        let counted = counted.clone();
        async move {
            assert!(!token.is_cancelled());
            match counted.fetch_add(1, Ordering::SeqCst) {
                0 => Ok(()),
                _ => anyhow::bail!("enough"),
            }
        }
    });
    let begin = Instant::now();
    let error = timeout(BOUND, work).await.unwrap().unwrap_err();
    let RunError::Work(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.to_string(), "enough");
    assert_eq!(
        runs.load(Ordering::SeqCst),
        2,
        "work that returns Ok while leading runs again"
    );
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "there is a pause between two runs"
    );
    // Within the bound only after a release.
    elected(&start(&server, candidate("b")).await).await;
}

#[tokio::test]
async fn step_down_cancels_work_that_later_runs_again() {
    let server = Server::start().await.unwrap();
    let a = leader(&server, "a").await;
    let (events, mut seen) = mpsc::unbounded_channel();
    let work = tokio::spawn({
        let a = a.clone();
        async move {
            a.acquire_and_run(move |token| {
                let events = events.clone();
                async move {
                    events.send("begins").unwrap();
                    token.cancelled().await;
                    events.send("ends").unwrap();
                    Ok::<(), std::io::Error>(())
                }
            })
            .await
        }
    });
    assert_eq!(seen.recv().await, Some("begins"));
    assert!(a.is_leader());
    let b = start(&server, candidate("b")).await;
    follows(&b, "a").await;
    a.handle().unwrap().step_down().await.unwrap();
    assert_eq!(
        seen.try_recv(),
        Ok("ends"),
        "the work ends before the release"
    );
    let term = elected(&b).await;
    b.shutdown().await.unwrap();
    ended(&term).await;
    assert_eq!(timeout(BOUND, seen.recv()).await.unwrap(), Some("begins"));
    work.abort();
}

#[tokio::test]
async fn work_past_its_term_is_fenced() {
    let server = Server::start().await.unwrap();
    let builder = candidate_of(&server, "a")
        .await
        .dangerous_trust_absent_key(true)
        .drain_timeout(BOUND);
    let a = Leader::with_builder(builder).grace_period(BOUND);
    let (late, mut lates) = mpsc::unbounded_channel();
    let work = tokio::spawn(async move {
        let handle = || a.handle().unwrap();
        a.acquire_and_run(|cancelled| {
            let (handle, late) = (handle(), late.clone());
            let own = handle.term().unwrap();
            async move {
                late.send((own.token(), None)).unwrap();
                cancelled.cancelled().await;
                // This node wins again within the grace period.
                let next = handle.elected().await.unwrap();
                late.send((own.token(), Some(next.token()))).unwrap();
                std::future::pending::<Result<(), std::io::Error>>().await
            }
        })
        .await
    });
    let (own, _) = timeout(BOUND, lates.recv()).await.unwrap().unwrap();
    bucket(&server).await.delete("writer").await.unwrap();
    let (late, next) = timeout(BOUND, lates.recv()).await.unwrap().unwrap();
    assert_eq!(late, own);
    let mut storage = Fenced::new(());
    storage.write(next.unwrap()).unwrap();
    storage.write(late).unwrap_err();
    work.abort();
}

#[tokio::test]
async fn work_is_dropped_after_the_grace_period() {
    let server = Server::start().await.unwrap();
    let a = leader(&server, "a")
        .await
        .grace_period(Duration::from_millis(100));
    let (kept, mut dropped) = mpsc::unbounded_channel::<()>();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let work = tokio::spawn({
        let a = a.clone();
        async move {
            a.acquire_and_run(move |_token| {
                let kept = kept.clone();
                begun.send(()).unwrap();
                async move {
                    let _kept = kept;
                    std::future::pending::<Result<(), std::io::Error>>().await
                }
            })
            .await
        }
    });
    begins.recv().await.unwrap();
    let handle = a.handle().unwrap();
    let term = handle.term().unwrap();
    handle.step_down().await.unwrap();
    ended(&term).await;
    work.abort();
    let _ = work.await;
    assert_eq!(timeout(BOUND, dropped.recv()).await.unwrap(), None);
}

#[tokio::test]
async fn cancelling_start_ends_do_while_leader_and_releases() {
    let server = Server::start().await.unwrap();
    let a = lasting_leader(&server, "a").await;
    let stop = CancellationToken::new();
    let campaign = tokio::spawn({
        let (a, stop) = (a.clone(), stop.clone());
        async move { a.start(stop).await }
    });
    let (begun, mut begins) = mpsc::unbounded_channel();
    let work = tokio::spawn({
        let a = a.clone();
        async move {
            a.do_while_leader(move |token| {
                begun.send(()).unwrap();
                async move {
                    token.cancelled().await;
                    Ok::<(), std::io::Error>(())
                }
            })
            .await
        }
    });
    timeout(BOUND, begins.recv()).await.unwrap().unwrap();
    stop.cancel();
    timeout(BOUND, campaign).await.unwrap().unwrap().unwrap();
    timeout(BOUND, work).await.unwrap().unwrap().unwrap();
    elected(&start(&server, candidate("b")).await).await;
}

#[tokio::test]
async fn shutdown_of_the_handle_ends_loop_and_start() {
    let server = Server::start().await.unwrap();
    for with_a_start in [false, true] {
        let a = lasting_leader(&server, "a").await;
        let (begun, mut begins) = mpsc::unbounded_channel();
        let work = waiting_work(begun);
        let running = tokio::spawn({
            let a = a.clone();
            async move {
                if with_a_start {
                    let (started, worked) =
                        tokio::join!(a.start(CancellationToken::new()), a.do_while_leader(work));
                    started.and(worked)
                } else {
                    a.acquire_and_run(work).await
                }
            }
        });
        timeout(BOUND, begins.recv()).await.unwrap().unwrap();
        a.handle().unwrap().shutdown().await.unwrap();
        timeout(BOUND, running).await.unwrap().unwrap().unwrap();
        assert!(a.handle().is_none());
    }
    elected(&start(&server, candidate("b")).await).await;
}

#[tokio::test]
async fn dropping_the_loop_releases_the_lease() {
    let server = Server::start().await.unwrap();
    let a = lasting_leader(&server, "a").await;
    let (begun, mut begins) = mpsc::unbounded_channel();
    let work = tokio::spawn(async move {
        a.acquire_and_run(move |_token| {
            begun.send(()).unwrap();
            std::future::pending::<Result<(), std::io::Error>>()
        })
        .await
    });
    timeout(BOUND, begins.recv()).await.unwrap().unwrap();
    work.abort();
    elected(&start(&server, candidate("b")).await).await;
}

#[tokio::test]
async fn acquire_and_run_waits_for_the_server() {
    let mut server = Server::start().await.unwrap();
    let a = leader(&server, "a").await;
    server.kill();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let work = tokio::spawn(async move {
        a.acquire_and_run(move |_token| {
            begun.send(()).unwrap();
            std::future::pending::<Result<(), std::io::Error>>()
        })
        .await
    });
    server.restart().await.unwrap();
    timeout(BOUND, begins.recv()).await.unwrap().unwrap();
    work.abort();
}

/// Work that sends its token when it begins, and then waits for the token's cancellation.
fn waiting_work(
    begun: mpsc::UnboundedSender<CancellationToken>,
) -> impl Fn(CancellationToken) -> Pin<Box<dyn Future<Output = Result<(), std::io::Error>> + Send>>
{
    move |token| {
        begun.send(token.clone()).unwrap();
        Box::pin(async move {
            token.cancelled().await;
            Ok(())
        })
    }
}

#[tokio::test]
async fn dropping_start_ends_the_campaign_despite_other_handles() {
    let server = Server::start().await.unwrap();
    let a = lasting_leader(&server, "a").await;
    let campaign = tokio::spawn({
        let a = a.clone();
        async move { a.start(CancellationToken::new()).await }
    });
    let (begun, mut begins) = mpsc::unbounded_channel();
    let work = tokio::spawn({
        let a = a.clone();
        async move { a.do_while_leader(waiting_work(begun)).await }
    });
    let token = timeout(BOUND, begins.recv()).await.unwrap().unwrap();
    let handle = a.handle().unwrap();
    campaign.abort();
    timeout(BOUND, token.cancelled()).await.unwrap();
    timeout(BOUND, work).await.unwrap().unwrap().unwrap();
    assert!(!handle.is_leader());
    elected(&start(&server, candidate("b")).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_work_sees_its_token_cancelled() {
    let server = Server::start().await.unwrap();
    let a = leader(&server, "a").await;
    let (begun, mut begins) = mpsc::unbounded_channel();
    let work = tokio::spawn({
        let a = a.clone();
        async move {
            a.acquire_and_run(move |token| {
                begun.send(()).unwrap();
                async move {
                    // Never yields, like a computation.
                    while !token.is_cancelled() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    anyhow::bail!("saw it")
                }
            })
            .await
        }
    });
    timeout(BOUND, begins.recv()).await.unwrap().unwrap();
    a.handle().unwrap().step_down().await.unwrap();
    let error = timeout(BOUND, work).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, RunError::Work(_)), "{error:?}");
}

#[tokio::test]
async fn token_is_cancelled_when_its_run_ends() {
    let server = Server::start().await.unwrap();
    let a = leader(&server, "a").await;
    let (begun, mut begins) = mpsc::unbounded_channel();
    let work = tokio::spawn(async move {
        a.acquire_and_run(move |token| {
            begun.send(token).unwrap();
            std::future::ready(Ok::<(), std::io::Error>(()))
        })
        .await
    });
    let first = timeout(BOUND, begins.recv()).await.unwrap().unwrap();
    timeout(BOUND, first.cancelled()).await.unwrap();
    let second = timeout(BOUND, begins.recv()).await.unwrap().unwrap();
    work.abort();
    timeout(BOUND, second.cancelled()).await.unwrap();
}

#[tokio::test]
async fn second_campaign_on_a_clone_is_rejected() {
    let server = Server::start().await.unwrap();
    let a = leader(&server, "a").await;
    let (begun, mut begins) = mpsc::unbounded_channel();
    let work = tokio::spawn({
        let a = a.clone();
        async move { a.acquire_and_run(waiting_work(begun)).await }
    });
    timeout(BOUND, begins.recv()).await.unwrap().unwrap();
    let second = a.clone().start(CancellationToken::new()).await;
    assert!(
        matches!(second, Err(RunError::AlreadyRunning)),
        "{second:?}"
    );
    assert!(a.is_leader() && a.handle().is_some());
    work.abort();
    let _ = work.await;
    // Once the first campaign has ended, another one can start.
    let (begun, mut begins) = mpsc::unbounded_channel();
    let work = tokio::spawn(async move { a.acquire_and_run(waiting_work(begun)).await });
    timeout(BOUND, begins.recv()).await.unwrap().unwrap();
    work.abort();
}

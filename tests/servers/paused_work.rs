//! The work loop of a process that resumes after a pause.

use std::{future::pending, io, sync::Arc, time::Duration};

use noleader::{Leader, test_util::FakeClock};
use noleader_fixture::Server;
use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};

use crate::support::{BOUND, LEASE, candidate_of};

#[tokio::test]
async fn work_sees_cancellation_before_the_task_notices_expiry() {
    let server = Server::start().await.unwrap();
    let clock = FakeClock::new();
    // The fake clock stands still, so the election must not wait for anything.
    let builder = candidate_of(&server, "a")
        .await
        .dangerous_trust_absent_key(true)
        .campaign_delay(Duration::ZERO)
        .clock(clock.clone());
    let leader = Leader::with_builder(builder);
    let woken = Arc::new(Notify::new());
    let (seen, mut sees) = mpsc::unbounded_channel();
    let run = leader.acquire_and_run({
        let woken = woken.clone();
        move |token| {
            let (woken, seen) = (woken.clone(), seen.clone());
            async move {
                seen.send(token.is_cancelled()).unwrap();
                woken.notified().await;
                seen.send(token.is_cancelled()).unwrap();
                pending::<io::Result<()>>().await
            }
        }
    });
    let pause = async {
        assert_eq!(sees.recv().await, Some(false));
        // As in a process that has just resumed, no timer has fired yet.
        clock.advance_silently(LEASE * 2);
        woken.notify_one();
        assert_eq!(
            sees.recv().await,
            Some(true),
            "the work continues as if it led"
        );
    };
    tokio::select! {
        ran = run => panic!("{ran:?}"),
        paused = timeout(BOUND, pause) => paused.expect("an election within the bound"),
    }
}

//! The work loop of a process that was paused.

use std::{future::pending, io, sync::Arc, time::Duration};

use noleader::{Leader, test_util::FakeClock};
use noleader_fixture::Server;
use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};

use crate::support::{BOUND, LEASE, candidate_of};

#[tokio::test]
async fn work_finds_its_token_cancelled_before_the_task_has_noticed_the_end() {
    let server = Server::start().await.unwrap();
    let clock = FakeClock::new();
    // No time passes by itself, so that nothing may be waited for.
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
        // Nothing that waits for the clock is woken, as in a process that has just been.
        clock.advance_silently(LEASE * 2);
        woken.notify_one();
        assert_eq!(sees.recv().await, Some(true), "it goes on as if it led");
    };
    tokio::select! {
        ran = run => panic!("{ran:?}"),
        paused = timeout(BOUND, pause) => paused.expect("an election in time"),
    }
}

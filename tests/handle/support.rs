//! Helpers of the tests.

use std::time::Duration;

use noleader::{
    Admission, Builder, LeaderHandle, Status,
    store::{LeaseStore, Memory},
    test_util::FakeClock,
};

pub(crate) const LEASE: Duration = Duration::from_secs(15);

pub(crate) fn candidate<S: LeaseStore>(store: S, id: &str, clock: &FakeClock) -> Builder<S> {
    LeaderHandle::with_store(store)
        .id(id)
        .lease(LEASE)
        .campaign_delay(Duration::ZERO)
        .dangerous_trust_absent_key(true)
        .clock(clock.clone())
}

pub(crate) async fn leader(store: &Memory, clock: &FakeClock) -> LeaderHandle {
    let handle = candidate(store.clone(), "a", clock).start().await.unwrap();
    handle.elected().await.unwrap();
    handle
}

/// Advances the clock in small steps until `done`.
pub(crate) async fn advance_until(clock: &FakeClock, done: impl Fn() -> bool) {
    for _ in 0..30_000 {
        if done() {
            return;
        }
        clock.advance(Duration::from_millis(10));
        settle().await;
    }
    panic!("nothing happened in 300 s");
}

/// Lets the woken tasks run.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn until(handle: &LeaderHandle, wanted: impl Fn(&Status) -> bool) -> Status {
    handle
        .watch()
        .wait_for(|status| wanted(status))
        .await
        .unwrap()
        .clone()
}

pub(crate) fn is_follower_of(id: &str) -> impl Fn(&Status) -> bool {
    move |status| matches!(status, Status::Follower { leader: Some(leader) } if leader.id() == id)
}

/// A node that lost its term with a request in progress, and whose store is unreachable.
pub(crate) async fn lost() -> (Memory, FakeClock, LeaderHandle, Admission) {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let admission = a.admit().unwrap();
    store.set_outage(true);
    advance_until(&clock, || matches!(a.status(), Status::Follower { .. })).await;
    (store, clock, a, admission)
}

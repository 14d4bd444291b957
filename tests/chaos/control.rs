//! The other way round: candidates that were told to take a risk open two gates, and the checker sees it. All
//! of it is that of a run with faults, from the gates over the logs to the verdict.

use std::sync::atomic::Ordering;

use noleader_fixture::{Direction, Proxy, eventually};

use crate::{
    candidate::{LEASE, Risk},
    cast::Cast,
    checker::{Violation, check},
    faults::purge,
    history::History,
    run::{ALONE, SOME_WRITES, logs},
    traffic::{BOUND, Traffic},
};

/// The first one does, unless the machine is too slow to elect a leader within the lease of the one before.
const ATTEMPTS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gates_at_once_are_seen() {
    let _alone = ALONE.lock().await;
    let cast = Cast::start(logs("control"), Risk::TrustAbsentKey).await;
    let mut traffic = Traffic::start(&cast, 0);
    traffic.more(SOME_WRITES).await;
    for _ in 0..ATTEMPTS {
        take_the_key_away(&cast, &traffic).await;
    }
    cast.answers().await;
    traffic.stop().await;

    let history = History::read(&cast.end().await, Vec::new()).unwrap();
    let violations = check(&history, LEASE);
    let two_gates = |violation: &Violation| matches!(violation, Violation::Overlap { .. });
    assert!(
        violations.iter().any(two_gates),
        "{violations:?}\n{history:?}"
    );
}

/// A leader that is cut off does not see that its key is gone, and whoever takes that for the end of its term
/// is wrong for up to a lease.
async fn take_the_key_away(cast: &Cast, traffic: &Traffic) {
    let leader = &cast.candidates[traffic.leader().await];
    let token = traffic.tally.largest.load(Ordering::Relaxed);
    let cut = |proxy: &Proxy| proxy.black_hole(Direction::Both);
    leader.proxies.iter().for_each(cut);
    assert!(purge(cast).await.took);
    let larger = async || (traffic.tally.largest.load(Ordering::Relaxed) > token).then_some(());
    eventually("a write under the next term", BOUND, larger)
        .await
        .unwrap();
    leader.proxies.iter().for_each(Proxy::heal);
    traffic.more(SOME_WRITES).await;
}

//! The control run: candidates that trust an absent key open two gates, and the checker must detect it. It uses
//! the same gates, logs and checker as a run with faults.

use noleader_fixture::{Direction, Proxy, eventually};

use crate::{
    candidate::LEASE,
    cast::Cast,
    checker::{Violation, check},
    faults::purge,
    history::History,
    kind::{Kind, Risk},
    run::{BESIDE_FAULTS, SOME_WRITES, logs},
    traffic::{BOUND, Traffic},
};

/// The first attempt suffices, unless the machine is too slow to elect a leader within the old leader's lease.
const ATTEMPTS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_open_gates_are_detected() {
    let _alone = BESIDE_FAULTS.lock().await;
    let cast = Cast::start(logs("control"), Kind::Election(Risk::TrustAbsentKey)).await;
    let mut traffic = Traffic::start(&cast, 0);
    traffic.more(SOME_WRITES).await;
    for _ in 0..ATTEMPTS {
        take_the_key_away(&cast, &traffic).await;
    }
    cast.answers().await;
    traffic.stop().await;

    let history = History::read(&cast.end().await).unwrap();
    let violations = check(&history, LEASE);
    let two_gates = |violation: &Violation| matches!(violation, Violation::Overlap { .. });
    assert!(
        violations.iter().any(two_gates),
        "{violations:?}\n{history:?}"
    );
}

/// Purges the key while its leader is cut off. That leader does not see it, so a candidate that trusts the absent
/// key leads at the same time, for up to one lease.
async fn take_the_key_away(cast: &Cast, traffic: &Traffic) {
    let leader = &cast.candidates[traffic.leader().await];
    let token = traffic.tally.largest(0);
    let cut = |proxy: &Proxy| proxy.black_hole(Direction::Both);
    leader.proxies.iter().for_each(cut);
    assert!(purge(cast).await.took);
    let larger = async || (traffic.tally.largest(0) > token).then_some(());
    eventually("a write under the next term", BOUND, larger)
        .await
        .unwrap();
    leader.proxies.iter().for_each(Proxy::heal);
    traffic.more(SOME_WRITES).await;
}

//! The cost of the gate per request and of each option, compared with one clock read and with other layers.
//!
//! `cargo bench --bench gate` prints the tables in docs/figures.md, in about ten seconds. All rows take turns in many
//! rounds, so that other load on the machine affects all of them equally.
//!
//! - `rounds`: measures. `table`: prints.
//! - `services`: the services behind the gate. `admitted`, `refused`: the rows.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a program to run by hand, which measures with a plain clock"
)]

mod admitted;
mod refused;
mod rounds;
mod services;
mod table;

use noleader::{LeaderHandle, Status, clock::Clock, store::Memory};

use crate::rounds::Rounds;

/// The goal for the cost of an admission, in clock reads.
const BOUND: f64 = 1.25;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (leader, follower) = runtime.block_on(elect());
    let _entered = runtime.enter();

    let mut rounds = Rounds::default();
    let clock = Clock::system();
    let read = rounds.add("one clock read", None, move || clock.now());
    let admitted = admitted::rows(&mut rounds, &leader);
    let refused = refused::rows(&mut rounds, &follower);
    let times = rounds.run();

    println!("`CLOCK_BOOTTIME`, the median of {} rounds\n", rounds::COUNT);
    table::print("an admitted request", &times, read, &admitted);
    println!("\nBound: {BOUND} x one clock read more than the bare service.");
    for (name, row) in [("any service", admitted.any), ("HTTP", admitted.http)] {
        let ratio = times.ratio(row, read);
        let verdict = if ratio > BOUND { "missed" } else { "met" };
        println!("`LeaderOnly`, {name}: {ratio:.2} x, {verdict}.");
    }
    println!();
    table::print("a request to a follower", &times, read, &refused);
}

/// A leader, and a follower that knows the leader's address.
async fn elect() -> (LeaderHandle, LeaderHandle) {
    let store = Memory::new();
    let candidate = |id: &str| {
        LeaderHandle::with_store(store.clone())
            .id(id)
            .address(format!("http://{id}:8080"))
            .dangerous_trust_absent_key(true)
            .start()
    };
    let leader = candidate("a").await.expect("a candidate");
    leader.elected().await.expect("the election succeeds");
    let follower = candidate("b").await.expect("a candidate");
    let follows = |status: &Status| matches!(status, Status::Follower { leader: Some(_) });
    let mut status = follower.watch();
    status.wait_for(follows).await.expect("a leader");
    (leader, follower)
}

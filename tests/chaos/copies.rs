//! A leader's process is copied while nothing else happens.

use std::path::Path;

use noleader_fixture::eventually;

use crate::{
    candidate::LEASE,
    cast::{COPYABLE, Candidate, Cast},
    checker::check,
    clock::nanos,
    faults::{ask_for_copy, step_down},
    history::{Copied, History},
    kind::{Kind, Risk},
    log::{self, Entry},
    run::{BESIDE_FAULTS, SOME_WRITES, logs},
    traffic::{BOUND, Traffic},
};

/// A number of copies, of which each has its own chance to receive what was meant for the other.
const COPIES: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_and_its_copy_lead_together_for_a_lease_at_most() {
    one_of_two_closes(Kind::Election(Risk::None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_shards_and_its_copy_lead_together_for_a_lease_at_most() {
    one_of_two_closes(Kind::Shards).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_of_a_killed_leader_continues_its_term() {
    the_copy_continues(Kind::Election(Risk::None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_of_a_killed_node_of_shards_continues_its_terms() {
    the_copy_continues(Kind::Shards).await;
}

async fn one_of_two_closes(kind: Kind) {
    let _alone = BESIDE_FAULTS.lock().await;
    let cast = Cast::start(logs(&format!("copies-{}", kind.name())), kind).await;
    let mut traffic = Traffic::start(&cast, 0);
    for _ in 0..COPIES {
        let leader = copyable_leader(&cast, &traffic).await;
        let copied = copy(leader).await;
        let mut actor = leader.process.lock().await;
        let [original, copy] = [copied.original.1, copied.copy.1].map(|number| actor.log(number));
        let ended = async || {
            let is_over = |log| entries(log).iter().any(|entry| ends(*entry, &copied));
            (is_over(&original) || is_over(&copy)).then_some(())
        };
        eventually("the end of one of the two terms", BOUND, ended)
            .await
            .unwrap();
        actor.restart();
    }
    finish(&cast, &mut traffic).await;
}

async fn the_copy_continues(kind: Kind) {
    let _alone = BESIDE_FAULTS.lock().await;
    let cast = Cast::start(logs(&format!("moves-{}", kind.name())), kind).await;
    let mut traffic = Traffic::start(&cast, 0);
    let leader = copyable_leader(&cast, &traffic).await;
    let copied = copy(leader).await;
    let mut actor = leader.process.lock().await;
    actor.kill_original();
    let (log, renewed) = (actor.log(copied.copy.1), copied.until + 2 * nanos(LEASE));
    let led = async || {
        let is_open =
            |entry: &Entry| matches!(*entry, Entry::Open { outside, .. } if outside > renewed);
        entries(&log).iter().any(is_open).then_some(())
    };
    eventually("an open gate of the copy", BOUND, led)
        .await
        .unwrap();
    actor.restart();
    drop(actor);
    finish(&cast, &mut traffic).await;
}

/// A leader, once there is one whose process can be copied.
async fn copyable_leader<'a>(cast: &'a Cast, traffic: &Traffic) -> &'a Candidate {
    traffic.more(SOME_WRITES).await;
    let found = async || {
        let leader = &cast.candidates[traffic.leader().await];
        if leader.index < COPYABLE {
            return Some(leader);
        }
        if let Kind::Election(_) = cast.kind {
            step_down(leader).await;
        }
        None
    };
    eventually("a leader that can be copied", BOUND, found)
        .await
        .unwrap()
}

async fn copy(leader: &Candidate) -> Copied {
    let mut actor = leader.process.lock().await;
    assert!(ask_for_copy(leader, &mut actor).await);
    actor.copied().unwrap()
}

fn entries(log: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    log::read(log, |entry| entries.push(entry)).unwrap();
    entries
}

/// Whether a term ended since the copy.
fn ends(entry: Entry, copied: &Copied) -> bool {
    matches!(entry, Entry::Lost { at, .. } | Entry::Losing { at, .. } if at > copied.from)
}

/// Checks everything that the candidates did.
async fn finish(cast: &Cast, traffic: &mut Traffic) {
    traffic.more(SOME_WRITES).await;
    cast.answers().await;
    traffic.stop().await;
    let history = History::read(&cast.end().await).unwrap();
    let violations = check(&history, LEASE);
    assert!(violations.is_empty(), "{violations:?}");
}

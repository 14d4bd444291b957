//! `closing` comes when the gate shuts, and `cancellation` when the lease is about to be released.

use crate::node::{LEASE, Node, released};

#[tokio::test(start_paused = true)]
async fn closing_comes_before_the_drain_and_cancellation_after() {
    let node = Node::leader().await;
    let term = node.handle.term().unwrap();
    let (closing, cancellation) = (term.closing(), term.cancellation());
    let (admission, stepped_down) = node.drain().await;
    closing.cancelled().await;
    assert!(!cancellation.is_cancelled() && term.is_current());
    assert!(!stepped_down.is_finished());
    drop(admission);
    released(stepped_down).await;
    assert!(cancellation.is_cancelled() && !term.is_current());
}

#[tokio::test(start_paused = true)]
async fn a_lost_term_is_closing_and_cancelled() {
    let node = Node::leader().await;
    let term = node.handle.term().unwrap();
    node.lose().await;
    term.closing().cancelled().await;
    term.cancellation().cancelled().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_task_closes_the_term() {
    let node = Node::leader().await;
    let term = node.handle.term().unwrap();
    node.panic().await;
    assert!(term.closing().is_cancelled() && term.cancellation().is_cancelled());
    assert!(!term.is_current());
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_the_warm_up_closes_the_term() {
    let (sender, mut terms) = tokio::sync::mpsc::unbounded_channel();
    let node = Node::start(move |builder| {
        builder
            .dangerous_trust_absent_key(true)
            .warm_up(move |term| {
                let _ = sender.send(term);
                std::future::pending::<Result<(), std::io::Error>>()
            })
    })
    .await;
    let term = terms.recv().await.unwrap();
    assert!(!term.closing().is_cancelled());
    node.handle.shutdown().await.unwrap();
    assert!(term.closing().is_cancelled() && term.cancellation().is_cancelled());
    assert!(term.remaining() < LEASE);
}

#[tokio::test(start_paused = true)]
async fn the_first_look_after_a_pause_closes_the_term() {
    let node = Node::leader().await;
    let term = node.handle.term().unwrap();
    let closing = term.closing();
    node.clock.advance_silently(LEASE);
    assert!(!closing.is_cancelled());
    assert!(!node.handle.is_leader());
    assert!(closing.is_cancelled() && !term.cancellation().is_cancelled());
}

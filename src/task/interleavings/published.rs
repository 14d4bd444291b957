use loom::{future::block_on, thread};

use super::{in_every_order, node::Node};
use crate::{lease::Status, task::LeaderHandle};

/// Waits for the status `wanted`.
fn wait_for(handle: &LeaderHandle, wanted: &Status) {
    let mut status = handle.watch();
    block_on(async {
        while *status.borrow_and_update() != *wanted {
            status.changed().await.unwrap();
        }
    });
}

#[test]
fn the_flag_follows_an_open_gate() {
    in_every_order(|| {
        let (mut node, handle) = Node::new();
        let follower = thread::spawn({
            let handle = handle.clone();
            move || {
                let mut flag = handle.subscribe();
                block_on(async {
                    while !*flag.borrow_and_update() {
                        flag.changed().await.unwrap();
                    }
                });
                assert!(handle.is_leader());
                assert_eq!(handle.admit().unwrap().term().token(), 1.into());
            }
        });
        node.lead();
        follower.join().unwrap();
    });
}

#[test]
fn the_status_follows_an_open_gate() {
    in_every_order(|| {
        let (mut node, handle) = Node::new();
        let follower = thread::spawn({
            let handle = handle.clone();
            move || {
                let token = 1.into();
                wait_for(&handle, &Status::Leader { token });
                assert!(handle.is_leader());
                assert_eq!(handle.leader().unwrap().token(), 1.into());
            }
        });
        node.lead();
        follower.join().unwrap();
    });
}

#[test]
fn the_flag_follows_a_closed_gate() {
    in_every_order(|| {
        let (mut node, handle) = Node::new();
        node.lead();
        let follower = thread::spawn({
            let handle = handle.clone();
            move || {
                let mut flag = handle.subscribe();
                block_on(async {
                    while *flag.borrow_and_update() {
                        flag.changed().await.unwrap();
                    }
                });
                assert!(!handle.is_leader() && handle.admit().is_err());
            }
        });
        node.stop();
        follower.join().unwrap();
    });
}

#[test]
fn the_status_follows_the_end() {
    for vanishes in [false, true] {
        in_every_order(move || {
            let (mut node, handle) = Node::new();
            node.lead();
            let follower = thread::spawn({
                let handle = handle.clone();
                move || {
                    wait_for(&handle, &Status::Stopped);
                    assert!(!handle.is_leader());
                    assert_eq!((handle.leader(), handle.term()), (None, None));
                    assert!(handle.stopped().is_some());
                }
            });
            if vanishes {
                drop(node);
            } else {
                node.stop();
            }
            follower.join().unwrap();
        });
    }
}

#[test]
fn the_cancellation_token_follows_the_end() {
    for vanishes in [false, true] {
        in_every_order(move || {
            let (mut node, handle) = Node::new();
            node.lead();
            let follower = thread::spawn({
                let handle = handle.clone();
                let term = handle.term().unwrap();
                move || {
                    block_on(term.cancellation().cancelled());
                    assert!(!term.is_current());
                    assert!(handle.admit().is_err());
                }
            });
            if vanishes {
                drop(node);
            } else {
                node.stop();
            }
            follower.join().unwrap();
        });
    }
}

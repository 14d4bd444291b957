use std::sync::{Arc, atomic::Ordering};

use loom::{
    future::block_on,
    sync::atomic::{AtomicBool, AtomicUsize},
    thread,
};

use super::{gated::Gated, in_every_order, node::Node};

#[test]
fn the_drain_ends_with_the_last_admission() {
    in_every_order(|| {
        let gated = Gated::new();
        gated.open(7);
        let inside = Arc::new(AtomicUsize::new(0));
        let request = || {
            let (gated, inside) = (gated.clone(), inside.clone());
            move || {
                let Some(admission) = gated.admit() else {
                    return;
                };
                inside.fetch_add(1, Ordering::Relaxed);
                inside.fetch_sub(1, Ordering::Relaxed);
                drop(admission);
            }
        };
        let requests = [thread::spawn(request()), thread::spawn(request())];

        block_on(gated.gate.shut().finished());
        // A read-modify-write operation reads the newest value. loom does not model the order of the drops of an `Arc`.
        assert_eq!(inside.fetch_add(0, Ordering::Relaxed), 0);
        assert_eq!(gated.gate.draining(), 0);
        for request in requests {
            request.join().unwrap();
        }
    });
}

#[test]
fn draining_counts_requests_in_progress() {
    in_every_order(|| {
        let gated = Gated::new();
        gated.open(7);
        let [stays, goes] = [gated.admit().unwrap(), gated.admit().unwrap()];
        let leaving = thread::spawn(move || {
            let heard = goes.term().closing().is_cancelled();
            drop(goes);
            heard
        });
        gated.gate.shut();
        assert!((1..=2).contains(&gated.gate.draining()));
        leaving.join().unwrap();
        assert_eq!(gated.gate.draining(), 1);
        drop(stays);
        assert_eq!(gated.gate.draining(), 0);
    });
}

#[test]
fn a_drain_ignores_later_openings() {
    in_every_order(|| {
        let gated = Gated::new();
        gated.open(7);
        let request = thread::spawn({
            let gated = gated.clone();
            move || gated.admit().filter(|a| a.term().token() == 8.into())
        });
        let drain = gated.end();
        gated.open(8);
        block_on(drain.finished());
        request.join().unwrap();
    });
}

#[test]
fn a_drain_includes_earlier_openings() {
    in_every_order(|| {
        let gated = Gated::new();
        gated.open(7);
        let left = Arc::new(AtomicBool::new(false));
        let old = gated.admit().unwrap();
        let leaving = thread::spawn({
            let left = left.clone();
            move || {
                left.store(true, Ordering::Relaxed);
                drop(old);
            }
        });
        gated.end();
        gated.open(8);
        block_on(gated.gate.shut().finished());
        // A read-modify-write operation reads the newest value.
        assert!(left.fetch_or(false, Ordering::Relaxed));
        leaving.join().unwrap();
    });
}

#[test]
fn the_lease_outlives_the_last_request() {
    in_every_order(|| {
        let (mut node, handle) = Node::new();
        node.lead();
        let released = Arc::new(AtomicBool::new(false));
        let request = thread::spawn({
            let (handle, released) = (handle.clone(), released.clone());
            move || {
                if let Ok(admission) = handle.admit() {
                    assert!(admission.term().is_current());
                    assert!(!released.load(Ordering::Relaxed));
                }
            }
        });
        node.stop();
        released.store(true, Ordering::Relaxed);
        assert!(!handle.is_leader());
        request.join().unwrap();
    });
}

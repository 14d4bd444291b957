use std::{future::poll_fn, time::Duration};

use loom::{future::block_on, thread};
use tokio::runtime;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{gated::SECOND, in_every_order, node::Node};
use crate::{
    middleware::LeaderOnlyLayer,
    task::{LeaderHandle, NotLeader, Reason},
};

const HOUR: Duration = Duration::from_secs(3600);

/// A change of a node while a thread waits.
#[derive(Clone, Copy)]
enum Change {
    Opens,
    Stops,
    /// Its task is dropped, as after a panic.
    Dies,
}

/// Runs `wait` concurrently with each change of a follower, and passes its result to `check`.
fn during_each_change<T: 'static>(
    wait: impl Fn(LeaderHandle) -> T + Send + Sync + Copy + 'static,
    check: impl Fn(Change, T) + Send + Sync + Copy + 'static,
) {
    for change in [Change::Opens, Change::Stops, Change::Dies] {
        in_every_order(move || {
            let (mut node, handle) = Node::new();
            let waiter = thread::spawn(move || wait(handle));
            match change {
                Change::Opens => {
                    node.lead();
                    check(change, waiter.join().unwrap());
                }
                Change::Stops => {
                    node.stop();
                    check(change, waiter.join().unwrap());
                }
                Change::Dies => {
                    drop(node);
                    check(change, waiter.join().unwrap());
                }
            }
        });
    }
}

/// A waiting request is admitted if the gate opens, and fails otherwise.
fn admitted_or_failed(change: Change, result: Result<(), NotLeader>) {
    match (change, result) {
        (Change::Opens, Ok(())) => {}
        (Change::Stops | Change::Dies, Err(refusal)) => {
            assert_eq!(refusal.reason(), Reason::Stopped);
        }
        (_, result) => panic!("{result:?}"),
    }
}

#[test]
fn elected_resolves_after_every_change() {
    during_each_change(
        |handle| block_on(handle.elected()).map(|term| term.token()),
        |change, elected| match change {
            Change::Opens => assert_eq!(elected.unwrap(), 1.into()),
            Change::Stops | Change::Dies => assert!(elected.is_err()),
        },
    );
}

#[test]
fn poll_ready_resolves_after_every_change() {
    during_each_change(
        |handle| {
            let inner = service_fn(|(): ()| async { Ok::<_, NotLeader>(()) });
            let layer = LeaderOnlyLayer::new(handle).fail().not_ready();
            let mut service = layer.layer(inner);
            block_on(poll_fn(|cx| service.poll_ready(cx)))
        },
        admitted_or_failed,
    );
}

#[test]
fn a_held_request_is_admitted_or_rejected() {
    let runtime = timers();
    let _entered = runtime.enter();
    during_each_change(
        |handle| hold(LeaderOnlyLayer::new(handle)),
        admitted_or_failed,
    );
}

#[test]
fn a_renewal_admits_a_held_request() {
    let runtime = timers();
    let _entered = runtime.enter();
    in_every_order(|| {
        let (mut node, handle) = Node::new();
        node.lead();
        node.wait_to_renew();
        let more_than_left = handle.always_left() + SECOND * 2;
        let waiter = thread::spawn(move || {
            hold(LeaderOnlyLayer::new(handle).min_remaining(more_than_left)).unwrap();
        });
        node.renew();
        waiter.join().unwrap();
    });
}

/// Sends a request that is held while the gate is closed.
fn hold(layer: LeaderOnlyLayer) -> Result<(), NotLeader> {
    let inner = service_fn(|(): ()| async { Ok::<_, NotLeader>(()) });
    block_on(layer.fail().wait_up_to(HOUR).layer(inner).oneshot(()))
}

/// A held request needs the timers of a runtime. The runtime does not run, so no time limit is reached.
fn timers() -> runtime::Runtime {
    let mut runtime = runtime::Builder::new_current_thread();
    runtime.enable_time().build().unwrap()
}

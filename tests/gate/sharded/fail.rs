//! `fail` with shards: requests of any type.

use std::future::ready;

use noleader::{LeaderOnlyLayer, NotLeader, Reason, ShardId};
use tokio_test::{assert_pending, task};
use tower::{BoxError, Layer, ServiceExt, service_fn};

use super::cluster::{ADDRESSES, Cluster};
use crate::node::{LEASE, soon};

/// The shard is the last digit of the order, and zero is no order.
fn shard(order: &u32) -> Option<ShardId> {
    (*order > 0).then(|| ShardId::new(order % 10))
}

#[tokio::test(start_paused = true)]
async fn a_request_of_any_type_fails_by_its_shard() {
    let cluster = Cluster::led_by(&[Some(0), Some(1), None], &ADDRESSES[..2]).await;
    let inner = service_fn(|order: u32| ready(Ok::<_, BoxError>(order)));
    let gate = LeaderOnlyLayer::sharded(cluster.shards(0), shard).fail();
    let service = gate.clone().layer(inner);
    let call = |order| soon(service.clone().oneshot(order));
    let failed = async |order| {
        let error = call(order).await.unwrap_err();
        let not_leader = error.downcast::<NotLeader>().unwrap();
        (not_leader.reason(), not_leader.shard().map(ShardId::index))
    };
    assert_eq!(call(10).await.unwrap(), 10);
    assert_eq!(failed(11).await, (Reason::NotLeader, Some(1)));
    assert_eq!(failed(12).await, (Reason::NoLeader, Some(2)));
    assert_eq!(failed(0).await, (Reason::NoKey, None));

    let passing = gate.keyless_pass().layer(inner);
    assert_eq!(soon(passing.oneshot(0)).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_held_request_of_any_type_waits_for_its_shard() {
    let cluster = Cluster::led_by(&[Some(0), None], &ADDRESSES[..1]).await;
    let inner = service_fn(|order: u32| ready(Ok::<_, BoxError>(order)));
    let gate = LeaderOnlyLayer::sharded(cluster.shards(0), shard).fail();
    let service = gate.wait_up_to(2 * LEASE).layer(inner);
    let mut held = task::spawn(service.clone().oneshot(21));
    assert_pending!(held.poll());
    let error = soon(service.oneshot(0)).await.unwrap_err();
    let not_leader = error.downcast::<NotLeader>().unwrap();
    assert_eq!(not_leader.reason(), Reason::NoKey);
    cluster.advance(LEASE).await;
    cluster.elected(0, 1).await;
    assert_eq!(soon(held).await.unwrap(), 21);
}

//! The layer below tower's own middleware.

use std::{future::ready, time::Duration};

use noleader::{LeaderHandle, LeaderOnlyLayer, NotLeader, Status};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, balance::p2c::Balance,
    discover::ServiceList, load::Constant, load_shed::error::Overloaded, service_fn, steer::Steer,
};

use crate::node::{LEASE, Node, released, settle, soon};

/// Responds with the id of its node.
fn named(
    handle: &LeaderHandle,
) -> impl Service<(), Response = String, Error = BoxError, Future: Send> + Clone + Send + use<> {
    let id = handle.id().to_owned();
    let service = service_fn(move |()| ready(Ok::<_, BoxError>(id.clone())));
    LeaderOnlyLayer::new(handle.clone())
        .not_ready()
        .fail()
        .layer(service)
}

#[tokio::test(start_paused = true)]
async fn load_shed_sheds_on_a_follower() {
    let node = Node::follower().await;
    let mut service = ServiceBuilder::new()
        .load_shed()
        .service(named(&node.handle));
    let shed = soon(service.ready())
        .await
        .unwrap()
        .call(())
        .await
        .unwrap_err();
    assert!(shed.is::<Overloaded>());
    node.advance(LEASE).await;
    assert_eq!(
        soon(service.ready()).await.unwrap().call(()).await.unwrap(),
        "a"
    );
    released(node.step_down().await).await;
    let shed = soon(service.ready())
        .await
        .unwrap()
        .call(())
        .await
        .unwrap_err();
    assert!(shed.is::<Overloaded>());
}

#[tokio::test(start_paused = true)]
async fn buffer_holds_requests_during_an_election() {
    let node = Node::follower().await;
    let service = ServiceBuilder::new().buffer(2).service(named(&node.handle));
    let waiting = [(); 2].map(|()| tokio::spawn(service.clone().oneshot(())));
    settle().await;
    assert!(waiting.iter().all(|answer| !answer.is_finished()));
    node.advance(LEASE).await;
    for answer in waiting {
        assert_eq!(soon(answer).await.unwrap().unwrap(), "a");
    }
}

#[tokio::test(start_paused = true)]
async fn buffer_fails_requests_after_a_stop() {
    let node = Node::follower().await;
    let service = ServiceBuilder::new().buffer(2).service(named(&node.handle));
    let answer = tokio::spawn(service.oneshot(()));
    settle().await;
    soon(node.handle.shutdown()).await.unwrap();
    let error = soon(answer).await.unwrap().unwrap_err();
    let source = error.source().unwrap();
    assert!(source.is::<NotLeader>(), "{source}");
}

#[tokio::test(start_paused = true)]
async fn balance_follows_the_leader() {
    let a = Node::leader().await;
    let b = a.rival().await;
    let nodes = [&a, &b].map(|node| Constant::new(named(&node.handle), 1));
    let mut service = Balance::new(ServiceList::new::<()>(nodes));
    for _ in 0..10 {
        assert_eq!(
            soon(service.ready()).await.unwrap().call(()).await.unwrap(),
            "a"
        );
    }
    soon(a.handle.shutdown()).await.unwrap();
    b.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    for _ in 0..10 {
        assert_eq!(
            soon(service.ready()).await.unwrap().call(()).await.unwrap(),
            "b"
        );
    }
    assert_eq!(service.len(), 1);
}

/// Two services, of which only the first is gated. A request is the index of one.
type Pair<S> = Steer<S, fn(&usize, &[S]) -> usize, usize>;

fn pair<S: Service<usize>>(services: [S; 2]) -> Pair<S> {
    Steer::new(services, |index, _| *index)
}

/// `Steer` is ready once all of its services are.
#[tokio::test(start_paused = true)]
async fn steer_stops_with_a_gate_that_is_not_ready() {
    let node = Node::follower().await;
    let inner = || service_fn(|index: usize| ready(Ok::<_, BoxError>(index)));
    let layer = LeaderOnlyLayer::new(node.handle.clone());

    let waits = layer.clone().not_ready().fail().layer(inner()).boxed();
    let mut service = pair([waits, inner().boxed()]);
    let waited = tokio::time::timeout(Duration::from_secs(1), service.ready()).await;
    assert!(waited.is_err(), "the other service is not gated");

    let fails = layer.fail().layer(inner()).boxed();
    let mut service = pair([fails, inner().boxed()]);
    assert_eq!(
        soon(service.ready()).await.unwrap().call(1).await.unwrap(),
        1
    );
    let error = soon(service.ready()).await.unwrap().call(0).await;
    assert!(error.unwrap_err().is::<NotLeader>());
}

#[tokio::test(start_paused = true)]
async fn readiness_can_be_awaited_with_a_timeout() {
    let node = Node::follower().await;
    let mut service = named(&node.handle);
    let waited = tokio::time::timeout(Duration::from_secs(1), service.ready()).await;
    assert!(waited.is_err());
    // The service can be polled again after the timeout.
    node.advance(LEASE).await;
    assert_eq!(
        soon(service.ready()).await.unwrap().call(()).await.unwrap(),
        "a"
    );
}

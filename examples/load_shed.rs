//! A follower that is not ready, below tower's `LoadShed` and `Buffer`.
//!
//! ```sh
//! cargo run --example load_shed
//! ```
//!
//! The service takes a number, to show that this works for any protocol. Two nodes hold their election in memory,
//! without a server.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use noleader::{LeaderHandle, LeaderOnlyLayer, store::Memory};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let store = Memory::new();
    let (a, b) = (start("a", &store).await?, start("b", &store).await?);
    let (leader, follower) = tokio::select! {
        term = a.elected() => { term?; (a, b) }
        term = b.elected() => { term?; (b, a) }
    };

    let mut on_leader = shedding(&leader);
    println!("leader, shedding:     {}", call(&mut on_leader, 1).await);
    let mut on_follower = shedding(&follower);
    println!("follower, shedding:   {}", call(&mut on_follower, 2).await);

    // A buffer holds requests while its service is not ready: here, until this node leads.
    let mut queue = ServiceBuilder::new().buffer(16).service(orders(&follower));
    let queued = queue.ready().await?.call(3);
    println!("follower, buffering:  order 3 waits in the queue");
    leader.step_down().await?;
    println!("the leader steps down");
    println!("new leader:           {}", queued.await?);
    println!("old leader, shedding: {}", call(&mut on_leader, 4).await);

    follower.shutdown().await?;
    leader.shutdown().await?;
    Ok(())
}

async fn start(id: &str, store: &Memory) -> Result<LeaderHandle, BoxError> {
    let builder = LeaderHandle::with_store(store.clone()).id(id);
    // No other process uses this store, so an absent key means that no node leads.
    Ok(builder.dangerous_trust_absent_key(true).start().await?)
}

/// Accepts orders on the leader, and is not ready on a follower.
fn orders(
    handle: &LeaderHandle,
) -> impl Service<u64, Response = String, Error = BoxError, Future: Send> + Clone + Send + use<> {
    let id = handle.id().to_owned();
    let take = move |order: u64| {
        let answer = format!("order {order} accepted by {id}");
        async move { Ok::<_, BoxError>(answer) }
    };
    ServiceBuilder::new()
        .layer(LeaderOnlyLayer::new(handle.clone()).not_ready().fail())
        .service(service_fn(take))
}

/// The same, but a request that cannot be served now fails at once.
fn shedding(
    handle: &LeaderHandle,
) -> impl Service<u64, Response = String, Error = BoxError> + use<> {
    ServiceBuilder::new().load_shed().service(orders(handle))
}

async fn call<S>(service: &mut S, order: u64) -> String
where
    S: Service<u64, Response = String, Error = BoxError>,
{
    let answer = async { service.ready().await?.call(order).await }.await;
    answer.unwrap_or_else(|error| format!("order {order} rejected: {error}"))
}

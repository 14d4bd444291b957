//! Requests that arrive while the next leader warms up.

use std::sync::Arc;

use noleader::{Builder, store::Memory};
use tokio::sync::{Mutex, mpsc};

use crate::{
    cluster::{Cluster, soon},
    crowd::Crowd,
    http::Http,
    orders::Orders,
};

type Outcome = Result<(), &'static str>;

/// The test sends how each warm-up ends, and thereby when.
fn warm_ups() -> (
    mpsc::UnboundedSender<Outcome>,
    impl Fn(Builder<Memory>) -> Builder<Memory>,
) {
    let (end, ends) = mpsc::unbounded_channel::<Outcome>();
    let ends = Arc::new(Mutex::new(ends));
    let describe = move |builder: Builder<Memory>| {
        let ends = ends.clone();
        builder.warm_up(move |_| {
            let ends = ends.clone();
            async move { ends.lock().await.recv().await.unwrap_or(Ok(())) }
        })
    };
    (end, describe)
}

/// Three nodes, of which the first has stepped down and another one warms up.
async fn warming(orders: &Orders) -> (Cluster, mpsc::UnboundedSender<Outcome>) {
    let (end, describe) = warm_ups();
    end.send(Ok(())).unwrap();
    let cluster = Cluster::with_settings(describe, |site| site.serve(orders.app())).await;
    soon(cluster.nodes[0].step_down()).await.unwrap().unwrap();
    cluster.warming().await;
    (cluster, end)
}

#[tokio::test]
async fn requests_during_a_warm_up_succeed_once() {
    let (orders, front) = (Orders::default(), Http::default());
    let (cluster, end) = warming(&orders).await;
    let crowd = Crowd::arrive("held", &front, &cluster.nodes).await;
    assert_eq!(orders.executed.len(), 0, "before the warm-up has ended");
    end.send(Ok(())).unwrap();
    crowd.succeeds_once(&orders.executed).await;
}

#[tokio::test]
async fn requests_during_a_failed_warm_up_succeed_once() {
    let (orders, front) = (Orders::default(), Http::default());
    let (cluster, end) = warming(&orders).await;
    let crowd = Crowd::arrive("held", &front, &cluster.nodes).await;
    // The other candidate warms up next.
    end.send(Err("on purpose")).unwrap();
    end.send(Ok(())).unwrap();
    crowd.succeeds_once(&orders.executed).await;
}

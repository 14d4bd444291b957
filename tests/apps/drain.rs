//! A step-down or a shutdown that waits for a slow request.

use noleader::{ReleaseError, Status};
use tokio::task::JoinHandle;

use crate::{
    cluster::{Node, soon},
    crowd::{Answer, Front, Order, send},
    orders::Orders,
};

type Stopping = JoinHandle<Result<(), ReleaseError>>;

pub(crate) struct Drain {
    orders: Orders,
    /// The id of the slow request.
    id: String,
    slow: JoinHandle<Answer>,
    stopping: Stopping,
}

impl Drain {
    /// Starts a slow request on the leader, and then a step-down.
    pub(crate) async fn begin(front: &impl Front, leader: &Node, orders: &Orders) -> Self {
        Self::begin_with(front, leader, orders, Node::step_down).await
    }

    /// As [`begin`](Self::begin), with a stop of another kind.
    pub(crate) async fn begin_with(
        front: &impl Front,
        leader: &Node,
        orders: &Orders,
        stop: impl FnOnce(&Node) -> Stopping,
    ) -> Self {
        let id = format!("slow at {}", leader.url);
        let order = Order {
            is_slow: true,
            ..Order::new(&id, "order")
        };
        let slow = send(front, leader, order);
        orders.has_begun().await;
        let stopping = stop(leader);
        leader.until(|status| *status == Status::Draining).await;
        Self {
            orders: orders.clone(),
            id,
            slow,
            stopping,
        }
    }

    /// Lets the slow request finish, and waits for the release.
    pub(crate) async fn end(self) {
        assert!(
            !self.stopping.is_finished(),
            "the request is still admitted"
        );
        self.orders.release();
        let answer = soon(self.slow).await.unwrap();
        assert!(answer.ok, "{answer:?}");
        soon(self.stopping).await.unwrap().unwrap();
        assert_eq!(self.orders.executed.times(&self.id), 1);
    }
}

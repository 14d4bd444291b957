//! A step-down that waits for a slow request.

use noleader::{ReleaseError, Status};
use tokio::task::JoinHandle;

use crate::{
    cluster::{Node, soon},
    crowd::{Answer, Front, Order, send},
    orders::Orders,
};

pub(crate) struct Drain {
    orders: Orders,
    /// The id of the slow request.
    id: String,
    slow: JoinHandle<Answer>,
    stepping_down: JoinHandle<Result<(), ReleaseError>>,
}

impl Drain {
    /// Starts a slow request on the leader, and then a step-down.
    pub(crate) async fn begin(front: &impl Front, leader: &Node, orders: &Orders) -> Self {
        let id = format!("slow at {}", leader.url);
        let order = Order {
            is_slow: true,
            ..Order::new(&id, "order")
        };
        let slow = send(front, leader, order);
        orders.has_begun().await;
        let stepping_down = leader.step_down();
        leader.until(|status| *status == Status::Draining).await;
        Self {
            orders: orders.clone(),
            id,
            slow,
            stepping_down,
        }
    }

    /// Lets the slow request finish, and waits for the release.
    pub(crate) async fn end(self) {
        assert!(
            !self.stepping_down.is_finished(),
            "the request is still admitted"
        );
        self.orders.release();
        let answer = soon(self.slow).await.unwrap();
        assert!(answer.ok, "{answer:?}");
        soon(self.stepping_down).await.unwrap().unwrap();
        assert_eq!(self.orders.executed.times(&self.id), 1);
    }
}

//! The nodes of a cell.

use noleader::{Admission, ReleaseError, Status};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    cell::State,
    node::{LEASE, Node, released, settle, soon},
    scene::MIN,
};

/// Node `a`, which receives the requests, and node `b`, if another node leads.
pub(crate) struct Nodes {
    pub(crate) a: Node,
    pub(crate) b: Option<Node>,
    keeps: Keeps,
    b_address: String,
}

/// Keeps node `a` in its state.
enum Keeps {
    Nothing,
    WarmUp(oneshot::Sender<Result<(), &'static str>>),
    Drain(Admission, JoinHandle<Result<(), ReleaseError>>),
    Outage,
}

impl Nodes {
    pub(crate) async fn new(state: State, a_address: &str, b_address: &str) -> Self {
        let (mut keeps, mut b) = (Keeps::Nothing, None);
        let leading = || Node::leading(|builder| builder.address(a_address));
        let joining = async |node: Option<&Node>| {
            let (store, clock) = node.map_or_else(Default::default, shared);
            Node::join("a", &store, &clock, |builder| builder.address(a_address)).await
        };
        let a = match state {
            State::Leads | State::LostBeforeHead | State::LostAfterHead => leading().await,
            State::Expires => {
                let a = leading().await;
                a.store.memory.set_outage(true);
                let left = a.handle.term().unwrap().remaining();
                a.clock.advance_silently(left - MIN / 2);
                keeps = Keeps::Outage;
                a
            }
            State::NoLeader => joining(None).await,
            State::Warms => {
                let (a, end) = Node::warming_up(|builder| builder.address(a_address)).await;
                keeps = Keeps::WarmUp(end);
                a
            }
            State::Drains => {
                let a = leading().await;
                let (admission, stepped_down) = a.drain().await;
                keeps = Keeps::Drain(admission, stepped_down);
                a
            }
            State::Stopped => {
                let a = joining(None).await;
                soon(a.handle.shutdown()).await.unwrap();
                a
            }
            State::Follows
            | State::Marked
            | State::LeaderRefuses
            | State::LeaderBreaks
            | State::LeaderSilent
            | State::LeaderLosesBeforeHead
            | State::LeaderLosesAfterHead => {
                let leader = b.insert(leading_b(b_address, None).await);
                joining(Some(leader)).await
            }
        };
        if b.is_some() {
            settle().await;
            assert_eq!(a.handle.leader().unwrap().id(), "b");
        }
        let b_address = b_address.to_owned();
        Self {
            a,
            b,
            keeps,
            b_address,
        }
    }

    /// Lets node `a` lead.
    pub(crate) async fn open(&mut self) {
        match std::mem::replace(&mut self.keeps, Keeps::Nothing) {
            Keeps::WarmUp(end) => end.send(Ok(())).unwrap(),
            Keeps::Drain(admission, stepped_down) => {
                drop(admission);
                released(stepped_down).await;
                // The cool-down, after which the node campaigns again.
                self.a.advance(LEASE).await;
            }
            Keeps::Outage => {
                self.a.store.memory.set_outage(false);
                self.a.advance(LEASE / 10).await;
            }
            Keeps::Nothing => match &self.b {
                Some(b) => soon(b.handle.shutdown()).await.unwrap(),
                None => self.a.advance(LEASE).await,
            },
        }
        self.a
            .until(|status| matches!(status, Status::Leader { .. }))
            .await;
    }

    /// Lets node `b` lead.
    pub(crate) async fn follow(&mut self) -> &Node {
        let b = leading_b(&self.b_address, Some(&self.a)).await;
        match std::mem::replace(&mut self.keeps, Keeps::Nothing) {
            Keeps::WarmUp(end) => end.send(Err("on purpose")).unwrap(),
            Keeps::Drain(admission, stepped_down) => {
                drop(admission);
                released(stepped_down).await;
            }
            Keeps::Nothing | Keeps::Outage => {}
        }
        b.until(|status| matches!(status, Status::Leader { .. }))
            .await;
        let follows = |status: &Status| matches!(status, Status::Follower { leader: Some(_) });
        self.a.until(follows).await;
        self.b.insert(b)
    }

    /// Lets node `a` leave the election. While it holds a request, it waits for the next leader, for one lease.
    pub(crate) async fn stop(&mut self) {
        let handle = self.a.handle.clone();
        let stopped = tokio::spawn(async move { handle.shutdown().await });
        settle().await;
        self.keeps = Keeps::Nothing;
        settle().await;
        self.a.advance(LEASE).await;
        released(stopped).await;
        self.a.until(|status| *status == Status::Stopped).await;
    }
}

/// Node `b`, which leads unless another node does.
async fn leading_b(address: &str, other: Option<&Node>) -> Node {
    let (store, clock) = other.map_or_else(Default::default, shared);
    Node::join("b", &store, &clock, |builder| {
        builder.dangerous_trust_absent_key(true).address(address)
    })
    .await
}

fn shared(node: &Node) -> (crate::node::Fragile, noleader::test_util::FakeClock) {
    (node.store.clone(), node.clock.clone())
}

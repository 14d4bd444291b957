//! The nodes of a cell.

use noleader::{Admission, LeaderHandle, ReleaseError, Status};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    cell::{Cell, State, Then},
    desk::Site,
    node::{LEASE, Node, released, settle, soon},
    scene::MIN,
};

/// Node `a`, whose gate is under test, node `b`, if another node leads, and the follower that forwards to `a`, if any.
pub(crate) struct Nodes {
    pub(crate) a: Node,
    pub(crate) b: Option<Node>,
    pub(crate) entry: Option<Node>,
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
    pub(crate) async fn new(cell: &Cell<'_>, addresses: [&str; Site::COUNT]) -> Self {
        let [a_address, b_address, entry_address] = addresses;
        let (mut keeps, mut b, mut entry) = (Keeps::Nothing, None, None);
        let leading = || Node::leading(|builder| builder.address(a_address));
        let joining = async |node: Option<&Node>| {
            let (store, clock) = node.map_or_else(Default::default, shared);
            Node::join("a", &store, &clock, |builder| builder.address(a_address)).await
        };
        let a = match cell.state {
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
            State::Drains | State::DrainsBehindForward | State::DrainsBehindHold => {
                let a = leading().await;
                if cell.state.is_behind_follower() {
                    let leads = cell.then == Then::EntryLeads;
                    entry = Some(follower_of(&a, entry_address, leads).await);
                }
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
            assert_eq!(a.handle.leader().unwrap().id(), "b");
        }
        let b_address = b_address.to_owned();
        Self {
            a,
            b,
            entry,
            keeps,
            b_address,
        }
    }

    /// Lets node `a` lead.
    pub(crate) async fn open(&mut self) {
        match self.end_keeping() {
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
        match self.end_keeping() {
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

    /// Lets the follower lead at which the request came in.
    pub(crate) async fn enter(&mut self) {
        if let Keeps::Drain(admission, stepped_down) = self.end_keeping() {
            drop(admission);
            released(stepped_down).await;
        }
        let entry = self.entry.as_ref().unwrap();
        entry
            .until(|status| matches!(status, Status::Leader { .. }))
            .await;
    }

    fn end_keeping(&mut self) -> Keeps {
        std::mem::replace(&mut self.keeps, Keeps::Nothing)
    }

    pub(crate) fn handle(&self, site: Site) -> Option<&LeaderHandle> {
        let node = match site {
            Site::A => Some(&self.a),
            Site::B => self.b.as_ref(),
            Site::Entry => self.entry.as_ref(),
        };
        node.map(|node| &node.handle)
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

/// The node at which requests come in. It never leads, unless it is to.
async fn follower_of(a: &Node, address: &str, leads: bool) -> Node {
    let node = Node::join("entry", &a.store, &a.clock, |builder| {
        let builder = builder.address(address);
        if leads { builder } else { builder.observe() }
    })
    .await;
    assert_eq!(node.handle.leader().unwrap().id(), "a");
    node
}

fn shared(node: &Node) -> (crate::node::Fragile, noleader::test_util::FakeClock) {
    (node.store.clone(), node.clock.clone())
}

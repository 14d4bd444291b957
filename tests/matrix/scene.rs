//! The nodes and servers of one cell.

use std::time::Duration;

use noleader::{Admission, ReleaseError, Status};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::{AbortHandle, JoinHandle},
};

use crate::{
    cell::{Cell, State, Then},
    desk::{Course, Desk, Pause},
    expect::Facts,
    front::Spot,
    node::{LEASE, Node, released, settle, soon},
};

/// What `min_remaining` asks for.
pub(crate) const MIN: Duration = Duration::from_secs(5);
/// As long as nobody waits for it to end.
const LONG: Duration = Duration::from_secs(3600);
/// As short as anybody wants to wait for it to end.
const SHORT: Duration = Duration::from_millis(5);

/// Node `a`, which is asked, and where it comes into play, node `b`, which leads.
pub(crate) struct Scene<'a> {
    cell: &'a Cell<'a>,
    a: Node,
    b: Option<Node>,
    a_desk: Desk,
    b_desk: Desk,
    pub(crate) origin: String,
    leader: String,
    b_listener: Option<TcpListener>,
    servers: Vec<AbortHandle>,
    token: Option<u64>,
    end: Ending,
}

/// What keeps a node in its state.
enum Ending {
    None,
    WarmUp(oneshot::Sender<Result<(), &'static str>>),
    Drain(Admission, JoinHandle<Result<(), ReleaseError>>),
}

impl<'a> Scene<'a> {
    pub(crate) async fn set(cell: &'a Cell<'a>, course: &Course) -> Self {
        let (a_listener, origin) = listen().await;
        let (b_listener, leader) = listen().await;
        let pause = match cell.state {
            State::LostAfterHead => Pause::AfterHead,
            _ => Pause::BeforeHead,
        };
        let (a, b, end) = nodes(cell.state, &origin, &leader).await;
        let mut scene = Self {
            cell,
            token: a.handle.term().map(|term| term.token()),
            a,
            b: None,
            a_desk: Desk::new("a", pause, course),
            b_desk: Desk::new("b", pause, course),
            origin,
            leader,
            b_listener: Some(b_listener),
            servers: Vec::new(),
            end,
        };
        scene.serve(&scene.a.handle.clone(), scene.a_desk.clone(), a_listener);
        if let Some(b) = b {
            scene.enter(b);
        }
        scene
    }

    /// Starts the server of a node.
    fn serve(&mut self, handle: &noleader::LeaderHandle, desk: Desk, listener: TcpListener) {
        let wait = match self.cell.then {
            Then::TimeIsOver => SHORT,
            _ => LONG,
        };
        let spot = Spot {
            cell: self.cell,
            handle: handle.clone(),
            desk,
            wait,
        };
        let server = (self.cell.action.front)(&spot)(listener);
        self.servers.push(server);
    }

    fn enter(&mut self, b: Node) {
        let listener = self.b_listener.take().expect("once");
        self.serve(&b.handle, self.b_desk.clone(), listener);
        self.b = Some(b);
    }

    pub(crate) async fn lose(&self) {
        self.a.lose().await;
    }

    /// Goes on to what happens after the request has come.
    pub(crate) async fn go_on(&mut self) {
        match self.cell.then {
            Then::AtOnce | Then::TimeIsOver => {}
            Then::Opens => self.open().await,
            Then::OtherLeads => self.follow().await,
            Then::Stops => self.stop().await,
        }
    }

    async fn open(&mut self) {
        match std::mem::replace(&mut self.end, Ending::None) {
            Ending::WarmUp(end) => end.send(Ok(())).unwrap(),
            Ending::Drain(admission, stepped_down) => {
                drop(admission);
                released(stepped_down).await;
                // The cool-down, after which it campaigns again.
                self.a.advance(LEASE).await;
            }
            Ending::None => match &self.b {
                Some(b) => soon(b.handle.shutdown()).await.unwrap(),
                // A renewal, or the wait for an unknown leader to be gone.
                None if self.cell.state == State::Expires => {
                    self.a.store.memory.set_outage(false);
                    self.a.advance(LEASE / 10).await;
                }
                None => self.a.advance(LEASE).await,
            },
        }
        self.a.until(|status| *status == Status::Leader).await;
        self.token = self.a.handle.term().map(|term| term.token());
        assert!(self.token.is_some());
    }

    async fn follow(&mut self) {
        let b = leader(&self.leader, Some(&self.a)).await;
        match std::mem::replace(&mut self.end, Ending::None) {
            Ending::WarmUp(end) => end.send(Err("on purpose")).unwrap(),
            Ending::Drain(admission, stepped_down) => {
                drop(admission);
                released(stepped_down).await;
            }
            Ending::None => {}
        }
        b.until(|status| *status == Status::Leader).await;
        self.enter(b);
        let follows = |status: &Status| matches!(status, Status::Follower { leader: Some(_) });
        self.a.until(follows).await;
    }

    pub(crate) async fn stop(&mut self) {
        let handle = self.a.handle.clone();
        let stopped = tokio::spawn(async move { handle.shutdown().await });
        settle().await;
        self.end = Ending::None;
        released(stopped).await;
        self.a.until(|status| *status == Status::Stopped).await;
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts {
            token: self.token,
            leader: self.leader.clone(),
            leader_token: self.b.as_ref().and_then(|b| Some(b.handle.term()?.token())),
        }
    }

    /// How often the handlers ran on either node, and how many of them were cut off.
    pub(crate) fn runs(&self) -> (usize, usize, usize) {
        let (a, b) = (&self.a_desk, &self.b_desk);
        (a.runs(), b.runs(), a.cut_off() + b.cut_off())
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        self.servers.iter().for_each(AbortHandle::abort);
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

/// Node `a` in a state, node `b` if there is one, and what ends the state.
async fn nodes(state: State, a: &str, b: &str) -> (Node, Option<Node>, Ending) {
    let leading = || Node::leading(|builder| builder.address(a));
    let following = async || {
        Node::join("a", &Default::default(), &Default::default(), |builder| {
            builder.address(a)
        })
        .await
    };
    match state {
        State::Leads | State::LostBeforeHead | State::LostAfterHead => {
            (leading().await, None, Ending::None)
        }
        State::Expires => {
            let a = leading().await;
            a.store.memory.set_outage(true);
            let left = a.handle.term().unwrap().remaining();
            a.clock.advance_silently(left - MIN / 2);
            (a, None, Ending::None)
        }
        State::Follows => {
            let b = leader(b, None).await;
            let a = Node::join("a", &b.store, &b.clock, |builder| builder.address(a)).await;
            settle().await;
            assert_eq!(a.handle.leader().unwrap().id(), "b");
            (a, Some(b), Ending::None)
        }
        State::NoLeader => (following().await, None, Ending::None),
        State::Warms => {
            let (a, end) = Node::warming_up(|builder| builder.address(a)).await;
            (a, None, Ending::WarmUp(end))
        }
        State::Drains => {
            let a = leading().await;
            let (admission, stepped_down) = a.drain().await;
            (a, None, Ending::Drain(admission, stepped_down))
        }
        State::Stopped => {
            let a = following().await;
            soon(a.handle.shutdown()).await.unwrap();
            (a, None, Ending::None)
        }
    }
}

/// Node `b`, which leads unless another node does.
async fn leader(address: &str, other: Option<&Node>) -> Node {
    let (store, clock) = match other {
        Some(node) => (node.store.clone(), node.clock.clone()),
        None => Default::default(),
    };
    Node::join("b", &store, &clock, |builder| {
        builder.trust_absent_key(true).address(address)
    })
    .await
}

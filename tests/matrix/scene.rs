//! The nodes of a cell, and their servers.

use std::time::Duration;

use noleader::LeaderHandle;
use tokio::{net::TcpListener, task::AbortHandle};

use crate::{
    cell::{Cell, State, Then},
    desk::{Course, Desk, Pause},
    expect::Facts,
    front::Spot,
    leader::Port,
    nodes::Nodes,
};

/// The value of `min_remaining`.
pub(crate) const MIN: Duration = Duration::from_secs(5);
/// A limit that no test reaches.
const LONG: Duration = Duration::from_secs(3600);
/// A limit that elapses in the cells that test it.
const SHORT: Duration = Duration::from_millis(5);

pub(crate) struct Scene<'a> {
    cell: &'a Cell<'a>,
    nodes: Nodes,
    a_desk: Desk,
    b_desk: Desk,
    b_port: Option<Port>,
    servers: Vec<AbortHandle>,
    /// The origin of `a`.
    pub(crate) origin: String,
    pub(crate) facts: Facts,
}

impl<'a> Scene<'a> {
    pub(crate) async fn set(cell: &'a Cell<'a>, course: &Course) -> Self {
        let pause = match cell.state {
            State::LostAfterHead | State::LeaderLosesAfterHead => Pause::AfterHead,
            _ => Pause::BeforeHead,
        };
        let (a_port, b_port) = (Port::bind(), Port::bind());
        let mut scene = Self {
            cell,
            nodes: Nodes::new(cell.state, &a_port.origin, &b_port.origin).await,
            a_desk: Desk::new("a", pause, course),
            b_desk: Desk::new("b", pause, course),
            origin: a_port.origin.clone(),
            facts: Facts {
                token: None,
                leader_token: None,
                leader: b_port.origin.clone(),
            },
            b_port: Some(b_port),
            servers: Vec::new(),
        };
        scene.serve(
            scene.nodes.a.handle.clone(),
            scene.a_desk.clone(),
            a_port.listen(),
        );
        scene.note();
        scene
    }

    fn serve(&mut self, handle: LeaderHandle, desk: Desk, listener: TcpListener) {
        let limit = |is_short| if is_short { SHORT } else { LONG };
        let spot = Spot {
            cell: self.cell,
            handle,
            desk,
            wait: limit(self.cell.then == Then::TimeIsOver),
            time_limit: limit(self.cell.state == State::LeaderSilent),
        };
        let server = (self.cell.action.front)(&spot)(listener);
        self.servers.push(server);
    }

    /// Records the tokens, and starts the server of `b` once it exists.
    fn note(&mut self) {
        let token = |handle: &LeaderHandle| handle.term().map(|term| term.token().into());
        self.facts.token = token(&self.nodes.a.handle).or(self.facts.token);
        let Some(b) = &self.nodes.b else { return };
        self.facts.leader_token = token(&b.handle).or(self.facts.leader_token);
        let Some(port) = self.b_port.take() else {
            return;
        };
        match port.fail(self.cell.state) {
            Ok(task) => self.servers.push(task),
            Err(port) => self.serve(b.handle.clone(), self.b_desk.clone(), port.listen()),
        }
    }

    /// Ends the term under which the request was admitted.
    pub(crate) async fn lose(&self) {
        match &self.nodes.b {
            Some(b) => b.lose().await,
            None => self.nodes.a.lose().await,
        }
    }

    pub(crate) async fn go_on(&mut self) {
        match self.cell.then {
            Then::AtOnce => {}
            Then::TimeIsOver => self.nodes.a.advance(SHORT).await,
            Then::Opens => self.nodes.open().await,
            Then::OtherLeads => self.follow().await,
            Then::Stops => self.nodes.stop().await,
        }
        self.note();
    }

    async fn follow(&mut self) {
        // Before `b` leads, so that forwarded requests find a listener.
        let listener = self.b_port.take().unwrap().listen();
        let b = self.nodes.follow().await.handle.clone();
        self.serve(b, self.b_desk.clone(), listener);
    }

    pub(crate) async fn stop(&mut self) {
        self.nodes.stop().await;
    }

    /// Runs of the handlers on `a`, on `b`, and how many of them were dropped.
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

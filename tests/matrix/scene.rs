//! The nodes of a cell, and their servers.

use std::time::Duration;

use noleader::LeaderHandle;
use tokio::{net::TcpListener, task::AbortHandle};

use crate::{
    cell::{Cell, State, Then},
    desk::{Course, Desk, Pause, Site},
    expect::{Facts, Runs},
    forward::FORWARD,
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
/// The longest pause before a request is sent again.
const PAUSE: Duration = Duration::from_millis(250);

pub(crate) struct Scene<'a> {
    cell: &'a Cell<'a>,
    nodes: Nodes,
    desks: [Desk; Site::COUNT],
    b_port: Option<Port>,
    servers: Vec<AbortHandle>,
    /// The origin of the node at which the request comes in.
    pub(crate) origin: String,
    pub(crate) facts: Facts,
}

impl<'a> Scene<'a> {
    pub(crate) async fn set(cell: &'a Cell<'a>, course: &Course) -> Self {
        let pause = match cell.state {
            State::LostAfterHead | State::LeaderLosesAfterHead => Pause::AfterHead,
            _ => Pause::BeforeHead,
        };
        let ports = Site::ALL.map(|_| Port::bind());
        let nodes = Nodes::new(cell, ports.each_ref().map(|port| &*port.origin)).await;
        let [a_port, b_port, entry_port] = ports;
        let mut scene = Self {
            cell,
            nodes,
            desks: Site::ALL.map(|site| Desk::new(site, pause, course)),
            origin: a_port.origin.clone(),
            facts: Facts {
                leader: b_port.origin.clone(),
                ..Facts::default()
            },
            b_port: Some(b_port),
            servers: Vec::new(),
        };
        scene.serve(Site::A, a_port.listen());
        if cell.state.is_behind_follower() {
            scene.origin = entry_port.origin.clone();
            scene.serve(Site::Entry, entry_port.listen());
        }
        scene.serve_b();
        scene.note();
        scene
    }

    fn serve(&mut self, site: Site, listener: TcpListener) {
        let limit = |is_short| if is_short { SHORT } else { LONG };
        let action = self.cell.action;
        let (front, waits) = match site {
            Site::Entry => (FORWARD.front, self.cell.state == State::DrainsBehindHold),
            Site::A | Site::B => (action.front, action.waits),
        };
        let wait = limit(self.cell.then == Then::TimeIsOver);
        let spot = Spot {
            cell: self.cell,
            handle: self.nodes.handle(site).unwrap().clone(),
            desk: self.desks[site as usize].clone(),
            wait: waits.then_some(wait),
            time_limit: limit(self.cell.state == State::LeaderSilent),
        };
        self.servers.push(front(&spot)(listener));
    }

    /// Starts the server of `b` once the node exists.
    fn serve_b(&mut self) {
        let Some(port) = self.b_port.take_if(|_| self.nodes.b.is_some()) else {
            return;
        };
        match port.fail(self.cell.state) {
            Ok(task) => self.servers.push(task),
            Err(port) => self.serve(Site::B, port.listen()),
        }
    }

    /// Records the tokens.
    fn note(&mut self) {
        for site in Site::ALL {
            let term = self.nodes.handle(site).and_then(LeaderHandle::term);
            if let Some(term) = term {
                self.facts.tokens[site as usize] = Some(term.token().into());
            }
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
            Then::OtherLeads => {
                // Before `b` leads, so that forwarded requests find a listener.
                let listener = self.b_port.take().unwrap().listen();
                self.nodes.follow().await;
                self.serve(Site::B, listener);
            }
            Then::EntryLeads => self.nodes.enter().await,
            Then::Stops => self.nodes.stop().await,
        }
        self.note();
    }

    pub(crate) async fn stop(&mut self) {
        self.nodes.stop().await;
    }

    /// Lets the time pass in which a node pauses before it sends a request again.
    pub(crate) async fn pass_pause(&self) {
        self.nodes.a.advance(PAUSE).await;
    }

    pub(crate) fn runs(&self) -> Runs {
        Runs {
            of: self.desks.each_ref().map(Desk::runs),
            cut_off: self.desks.iter().map(Desk::cut_off).sum(),
        }
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        self.servers.iter().for_each(AbortHandle::abort);
    }
}

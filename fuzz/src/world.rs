//! The nodes, the register, what is on its way between them, and what must hold after every input.

use std::collections::BTreeSet;

use crate::{
    gate::Term,
    lease::{Action, Input, Outcome, Record, Role},
    node::Node,
    register::Register,
    script::{Plan, Run},
};

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) nodes: Vec<Node>,
    pub(crate) register: Register,
    /// On their way to the server.
    pub(crate) requests: Vec<Request>,
    /// On their way to a process of a node.
    pub(crate) letters: Vec<(usize, u64, Input)>,
    pub(crate) sessions: u64,
    /// The token of the latest term.
    top_token: u64,
    /// The revisions that terms have replaced.
    replaced: BTreeSet<u64>,
}

pub(crate) struct Request {
    pub(crate) node: usize,
    pub(crate) session: u64,
    pub(crate) attempt: u64,
    pub(crate) ask: Ask,
    /// The server has answered it, and it is still on its way.
    pub(crate) is_copy: bool,
}

pub(crate) enum Ask {
    Read,
    Write(u64, Record),
}

impl World {
    pub(crate) fn new(run: &Run) -> Self {
        let setups = run.two.iter().chain(&run.third);
        let nodes: Vec<_> = (0..)
            .zip(setups)
            .map(|(session, setup)| Node::new(*setup, run.plan, session))
            .collect();
        let mut world = Self {
            plan: run.plan,
            sessions: nodes.len() as u64,
            nodes,
            register: Register::new(),
            requests: Vec::new(),
            letters: Vec::new(),
            top_token: 0,
            replaced: BTreeSet::new(),
        };
        (0..world.nodes.len()).for_each(|node| world.deliver(node, Input::Tick));
        world
    }

    pub(crate) fn pass(&mut self, micros: u64) {
        self.nodes.iter_mut().for_each(|node| node.pass(micros));
    }

    /// Tells all of the key's last state.
    pub(crate) fn push(&mut self) {
        for node in 0..self.nodes.len() {
            let seen = self.register.read(0);
            self.post(node, self.nodes[node].session, Input::Pushed(seen));
        }
    }

    pub(crate) fn post(&mut self, node: usize, session: u64, input: Input) {
        self.letters.push((node, session, input));
    }

    /// Hands the input in, and then ticks until there is nothing to do.
    pub(crate) fn deliver(&mut self, node: usize, input: Input) {
        self.feed(node, input);
        for _ in 0..4 {
            let sleep = self.nodes[node].sleep();
            let is_stopped = self.nodes[node].machine.role() == Role::Stopped;
            assert_eq!(sleep.is_none(), is_stopped, "asleep");
            if sleep != Some(0) {
                return;
            }
            self.feed(node, Input::Tick);
        }
        assert_ne!(self.nodes[node].sleep(), Some(0), "a busy loop");
    }

    fn feed(&mut self, node: usize, input: Input) {
        let acknowledged = match &input {
            Input::Written {
                attempt,
                outcome: Outcome::Acknowledged(revision),
            } => Some((*attempt, *revision)),
            _ => None,
        };
        let n = &mut self.nodes[node];
        n.machine.handle(n.clock, input);
        while let Some(action) = self.nodes[node].machine.poll_action() {
            self.act(node, action, acknowledged);
        }
        self.check_gates();
    }

    fn act(&mut self, node: usize, action: Action, acknowledged: Option<(u64, u64)>) {
        let n = &mut self.nodes[node];
        match action {
            Action::Read { attempt } => self.request(node, attempt, Ask::Read),
            Action::Write {
                attempt,
                expected,
                record,
            } => {
                assert!(record.holder.is_some() || n.term.is_none(), "too early");
                n.sent(attempt, expected, record.clone());
                self.request(node, attempt, Ask::Write(expected, record));
            }
            Action::Begin { token, deadline } => {
                assert!(n.term.is_none(), "a term within a term");
                let (attempt, revision) = acknowledged.expect("granted by nothing");
                let (expected, grant) = n.grant(attempt, revision);
                let term = Term::begin(token, deadline, n.clock, &grant);
                n.term = Some(term);
                self.check_term(token, expected);
            }
            Action::WarmUp => {
                let token = n.term.expect("a term").token;
                let session = n.session;
                self.post(node, session, Input::Warmed { token, ready: true });
            }
            Action::Open => n.term.as_mut().expect("a term").open(),
            Action::Extend { deadline } => {
                let (attempt, revision) = acknowledged.expect("extended by nothing");
                let mut term = n.term.expect("a term");
                term.extend(deadline, n.clock, &n.grant(attempt, revision).1);
                n.term = Some(term);
            }
            Action::Close => {
                let term = n.term.as_mut().expect("a term");
                term.close();
                let token = term.token;
                let session = n.session;
                self.post(node, session, Input::Drained { token });
            }
            Action::End { .. } => assert!(n.term.take().is_some(), "no term"),
            Action::Settled(_) => assert!(n.term.is_none(), "settled within a term"),
            Action::Notice(_) => {}
        }
    }

    fn request(&mut self, node: usize, attempt: u64, ask: Ask) {
        let session = self.nodes[node].session;
        self.requests.push(Request {
            node,
            session,
            attempt,
            ask,
            is_copy: false,
        });
    }

    fn check_term(&mut self, token: u64, expected: u64) {
        // A key without a message is marked first; nobody acquires over nothing.
        assert_ne!(expected, 0, "acquired over an absent key");
        if self.plan != Plan::Lawless {
            assert!(token > self.top_token, "{token} after {}", self.top_token);
            self.top_token = token;
            assert!(self.replaced.insert(expected), "granted twice");
        }
    }

    /// Gates open when an input is handed in, so this is the time to look.
    fn check_gates(&self) {
        let open = self.nodes.iter().filter(|node| node.is_open()).count();
        assert!(
            open <= 1 || self.plan == Plan::Lawless,
            "{open} gates are open"
        );
    }
}

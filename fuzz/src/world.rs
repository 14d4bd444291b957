//! The nodes, the register, the messages in flight, and the checks after every input.

use crate::{
    gate,
    grants::Grants,
    late::Late,
    lease::{Input, Outcome, Record},
    node::Node,
    register::Register,
    script::{Plan, Run},
};

pub(crate) struct World {
    pub(crate) plan: Plan,
    /// Real microseconds since the start.
    pub(crate) now: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) register: Register,
    /// In flight to the server.
    pub(crate) requests: Vec<Request>,
    /// In flight to a process of a node.
    pub(crate) letters: Vec<(usize, u64, Input)>,
    /// Delayed messages, and until when.
    pub(crate) late: Vec<(u64, Late)>,
    pub(crate) sessions: u64,
    pub(crate) grants: Grants,
    /// How often a gate was opened, or its term renewed.
    pub(crate) progress: u64,
}

pub(crate) struct Request {
    pub(crate) node: usize,
    pub(crate) session: u64,
    pub(crate) attempt: u64,
    pub(crate) ask: Ask,
    /// Whether the server has handled it once already.
    pub(crate) is_copy: bool,
}

pub(crate) enum Ask {
    Read,
    Write(u64, Record),
}

/// What the current input may cause.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cause {
    /// The write that was acknowledged, and its revision.
    pub(crate) acknowledged: Option<(u64, u64)>,
    /// The deadline has passed, or a reader reported that.
    pub(crate) is_expired: bool,
    pub(crate) is_warm_up_failed: bool,
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
            now: 0,
            sessions: nodes.len() as u64,
            nodes,
            register: Register::new(),
            requests: Vec::new(),
            letters: Vec::new(),
            late: Vec::new(),
            grants: Grants::default(),
            progress: 0,
        };
        (0..world.nodes.len()).for_each(|node| world.deliver(node, Input::Tick));
        world
    }

    pub(crate) fn pass(&mut self, micros: u64) {
        self.now += micros;
        self.nodes.iter_mut().for_each(|node| node.pass(micros));
    }

    /// Pushes the key's last state to all nodes whose watch works.
    pub(crate) fn push(&mut self) {
        for node in 0..self.nodes.len() {
            self.push_to(node);
        }
    }

    pub(crate) fn push_to(&mut self, node: usize) {
        if !self.nodes[node].is_deaf {
            let seen = self.register.read(0);
            self.post(node, self.nodes[node].session, Input::Pushed(seen));
        }
    }

    pub(crate) fn post(&mut self, node: usize, session: u64, input: Input) {
        self.letters.push((node, session, input));
    }

    /// Feeds the input, and then ticks until there is nothing to do.
    pub(crate) fn deliver(&mut self, node: usize, input: Input) {
        self.feed(node, input);
        for _ in 0..4 {
            let sleep = self.nodes[node].sleep();
            let is_stopped = self.nodes[node].is_stopped();
            assert_eq!(
                sleep.is_none(),
                is_stopped,
                "a machine sleeps without a timeout exactly if it has stopped"
            );
            if sleep != Some(0) {
                return;
            }
            self.feed(node, Input::Tick);
        }
        assert_ne!(self.nodes[node].sleep(), Some(0), "a busy loop");
    }

    fn feed(&mut self, node: usize, input: Input) {
        let cause = self.hear(node, &input);
        let n = &mut self.nodes[node];
        n.machine.handle(n.clock, input);
        while let Some(action) = self.nodes[node].machine.poll_action() {
            self.act(node, action, cause);
        }
        self.tell_drained(node);
        let n = &self.nodes[node];
        gate::check(n.term.as_ref(), &n.machine, n.clock);
        n.answers.check(n.clock, n.machine.is_stopped());
        self.check_gates();
    }

    /// Records what the process learns from the input.
    fn hear(&mut self, node: usize, input: &Input) -> Cause {
        let n = &mut self.nodes[node];
        let now = n.clock;
        n.answers.overslept(n.machine.poll_timeout(), now);
        n.evidence.hears(input);
        let mut cause = Cause {
            is_expired: n.term.is_some_and(|term| term.is_over(now)),
            ..Cause::default()
        };
        match input {
            Input::Pushed(seen)
            | Input::Read {
                seen: Some(seen), ..
            } => n.sightings.saw(seen, now),
            Input::Written {
                attempt,
                outcome: Outcome::Acknowledged(revision),
            } => {
                n.wrote(*attempt, *revision);
                cause.acknowledged = Some((*attempt, *revision));
            }
            Input::Warmed { token, ready } => {
                let is_due = |term: &_| n.term.is_some_and(|t| t.token == *term && t.warms_up());
                cause.is_warm_up_failed = !ready && is_due(token) && !cause.is_expired;
                n.failed_warm_ups += u32::from(cause.is_warm_up_failed);
            }
            Input::Expired { token } => {
                cause.is_expired |= n.term.is_some_and(|t| t.token == *token);
            }
            Input::StepDown | Input::Shutdown => {
                n.is_leaving |= *input == Input::Shutdown;
                n.answers.asked(now, &n.me.timing);
            }
            Input::Tick | Input::Read { .. } | Input::Written { .. } | Input::Drained { .. } => {}
        }
        cause
    }

    /// Reports the end of a drain once, when the last request has finished.
    pub(crate) fn tell_drained(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        if n.drain.is_news() {
            let token = n.term.map_or(0, |term| term.token);
            let session = n.session;
            self.post(node, session, Input::Drained { token });
        }
    }

    /// G1. Gates open only while an input is handled, so it suffices to check after each.
    fn check_gates(&self) {
        let open = self.nodes.iter().filter(|node| node.is_open()).count();
        assert!(
            open <= 1 || !self.plan.promises_one_gate(),
            "{open} gates are open"
        );
    }
}

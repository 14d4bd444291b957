//! The run: events in the order of real time, and what must hold after each.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{super::super::*, Plan, RUN, candidate, network::Server, node::Node};

/// Everything in a run. Real time is in microseconds.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) rng: fastrand::Rng,
    pub(super) now: u64,
    queue: BinaryHeap<Reverse<(u64, usize)>>,
    events: Vec<Option<Event>>,
    pub(super) nodes: Vec<Node>,
    pub(super) server: Server,
    /// The token of the latest term.
    pub(super) top_token: u64,
    pub(super) terms: u64,
}

pub(super) enum Event {
    /// The node's machine asked to be woken at this time.
    Wake {
        node: usize,
    },
    Receive {
        node: usize,
        session: u64,
        input: Input,
    },
    Apply {
        node: usize,
        session: u64,
        epoch: u64,
        attempt: u64,
        expected: u64,
        record: Record,
    },
    Trouble,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let plan = Plan::of(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let nodes = (0..rng.usize(3..=5)).map(|_| {
            let candidate = candidate(plan.lease(&mut rng), rng.u8(0..3) == 0);
            Node::new(candidate, &mut rng)
        });
        let mut world = Self {
            plan,
            nodes: nodes.collect(),
            rng,
            now: 0,
            queue: BinaryHeap::new(),
            events: Vec::new(),
            server: Server::new(),
            top_token: 0,
            terms: 0,
        };
        for node in 0..world.nodes.len() {
            world.deliver(node, Input::Tick);
        }
        world.after(100_000, Event::Trouble);
        world
    }

    pub(super) fn run(&mut self) {
        while let Some(Reverse((at, index))) = self.queue.pop() {
            if at > RUN {
                return;
            }
            assert!(self.events.len() < 100_000, "a busy loop");
            self.now = at;
            if let Some(event) = self.events[index].take() {
                self.happen(event);
            }
        }
    }

    pub(super) fn after(&mut self, delay: u64, event: Event) {
        self.queue
            .push(Reverse((self.now + delay, self.events.len())));
        self.events.push(Some(event));
    }

    pub(super) fn receive_after(&mut self, delay: u64, node: usize, input: Input) {
        let session = self.nodes[node].session;
        let receive = Event::Receive {
            node,
            session,
            input,
        };
        self.after(delay, receive);
    }

    pub(super) fn restart(&mut self, node: usize) {
        let session = self.rng.u64(1..);
        self.nodes[node].restart(session);
        self.deliver(node, Input::Tick);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake { node } if self.nodes[node].wake_at == Some(self.now) => {
                self.nodes[node].wake_at = None;
                self.receive(node, Input::Tick);
            }
            Event::Receive {
                node,
                session,
                input,
            } if session == self.nodes[node].session => self.receive(node, input),
            Event::Apply {
                node,
                session,
                epoch,
                attempt,
                expected,
                record,
            } if epoch == self.server.epoch => {
                let outcome = self.compare_and_set(expected, &record);
                if session == self.nodes[node].session {
                    self.reply(node, Input::Written { attempt, outcome });
                }
            }
            Event::Wake { .. } | Event::Receive { .. } | Event::Apply { .. } => {}
            Event::Trouble => self.trouble(),
        }
    }

    fn receive(&mut self, node: usize, input: Input) {
        match self.nodes[node].paused_until.checked_sub(self.now) {
            None | Some(0) => self.deliver(node, input),
            Some(rest) => self.receive_after(rest, node, input),
        }
    }

    fn deliver(&mut self, node: usize, input: Input) {
        let now = self.nodes[node].local(self.now);
        self.nodes[node].machine.handle(now, input);
        while let Some(action) = self.nodes[node].machine.poll_action() {
            self.act(node, action);
        }
        self.check_gates();
        let n = &mut self.nodes[node];
        let wake_at = n.machine.poll_timeout().map(|at| n.real(at).max(self.now));
        if wake_at != n.wake_at {
            n.wake_at = wake_at;
            if let Some(at) = wake_at {
                self.after(at - self.now, Event::Wake { node });
            }
        }
    }

    fn act(&mut self, node: usize, action: Action) {
        match action {
            Action::Read { attempt } => self.read(node, attempt),
            Action::Write {
                attempt,
                expected,
                record,
            } => {
                let gives_back = record.holder.is_none();
                assert!(!gives_back || self.nodes[node].gate.is_none());
                self.send(node, attempt, expected, record);
            }
            Action::Begin { token, deadline } => {
                let top = self.top_token;
                assert!(token > top, "token {token} after {top}");
                self.top_token = token;
                self.terms += 1;
                self.nodes[node].begin(token, deadline);
            }
            Action::WarmUp => {
                let token = self.top_token;
                let ready = self.rng.u8(0..5) > 0;
                let delay = self.rng.u64(50..300_000);
                self.receive_after(delay, node, Input::Warmed { token, ready });
            }
            Action::Open => self.nodes[node].open(),
            Action::Extend { deadline } => self.nodes[node].extend(deadline),
            Action::Close => {
                let token = self.nodes[node].close();
                let delay = self.delay();
                self.receive_after(delay, node, Input::Drained { token });
            }
            Action::End { .. } => self.nodes[node].gate = None,
            Action::Settled(_) | Action::Notice(_) => {}
        }
    }

    /// Gates open when an input is delivered, so this is the time to look.
    fn check_gates(&self) {
        let open = self.nodes.iter().filter(|n| n.is_open(self.now)).count();
        let promised = self.server.epoch == 0;
        assert!(
            open <= 1 || !promised,
            "{open} gates open at {} us",
            self.now
        );
    }
}

//! The whole state of a run, and its next event.

use noleader::{
    fencing::Fenced,
    lease::{Input, Observation, Record},
};

use crate::{
    clock::MICROSECOND,
    fact::Fact,
    finale::Step,
    invariants::{Invariants, Violation},
    node::Node,
    plan::Plan,
    queue::Queue,
    server::Server,
    settings::Settings,
    storage::StoredBy,
    tally::Tally,
    trace::Trace,
};

/// More events than any run needs.
const MOST_EVENTS: usize = 200_000;

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) rng: fastrand::Rng,
    pub(crate) now: u64,
    pub(crate) queue: Queue<Event>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) server: Server,
    /// What the leader's requests write to, with their tokens.
    pub(crate) storage: Fenced<Vec<StoredBy>>,
    pub(crate) refused: u64,
    invariants: Invariants,
    pub(crate) violation: Option<Violation>,
    pub(crate) trace: Trace,
    /// Whether the faults have stopped.
    pub(crate) is_calm: bool,
    /// The largest token that was ever granted by the store.
    pub(crate) top_token: u64,
    /// The candidate that saw the last token, and reaches the store, after a loss of the stream.
    pub(crate) witness: Option<usize>,
    pub(crate) tally: Tally,
}

pub(crate) enum Event {
    /// The node's task asked to be woken.
    Wake {
        node: usize,
    },
    Receive {
        node: usize,
        session: u64,
        input: Input,
    },
    /// The watch with this number pushes.
    Push {
        node: usize,
        session: u64,
        opened: u64,
        seen: Observation,
    },
    /// The task goes on with the turn in the middle of which it was held up.
    GoOn {
        node: usize,
        session: u64,
    },
    /// A read arrives at the server.
    Read {
        node: usize,
        session: u64,
        attempt: u64,
    },
    /// A write arrives at the server.
    Apply(Box<Apply>),
    /// A watch is opened at the server.
    Watch {
        node: usize,
        session: u64,
    },
    /// A client's request arrives at the node, or a reader checks whether it leads.
    Request {
        node: usize,
    },
    Leave {
        node: usize,
        session: u64,
        token: u64,
    },
    /// What an admitted request writes arrives at the storage.
    Store(StoredBy),
    /// The server removes the record, if it is still this one.
    Expire {
        revision: u64,
    },
    Trouble,
    Finale(Step),
}

#[derive(Clone)]
pub(crate) struct Apply {
    pub(crate) node: usize,
    pub(crate) session: u64,
    pub(crate) epoch: u64,
    pub(crate) attempt: u64,
    pub(crate) expected: u64,
    pub(crate) record: Record,
    /// Its outcome was said to be unknown.
    pub(crate) is_answered: bool,
}

impl World {
    pub(crate) fn new(seed: u64, plan: Plan, trace: Trace) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let settings = Settings::new(plan, &mut rng);
        let candidates = rng.usize(3..=7);
        let observers = usize::from(rng.u8(0..4) == 0);
        let nodes: Vec<_> = (0..candidates + observers)
            .map(|name| {
                let candidate = match name < candidates {
                    true => settings.candidate(name, &mut rng),
                    false => settings.observer(name, &mut rng),
                };
                Node::new(candidate, settings.clock(&mut rng), rng.u64(1..))
            })
            .collect();
        let mut world = Self {
            invariants: Invariants::of(plan, nodes.len()),
            server: Server::new(rng.u64(10_000..1_000_000)),
            settings,
            rng,
            now: 0,
            queue: Queue::new(),
            nodes,
            storage: Fenced::default(),
            refused: 0,
            violation: None,
            trace,
            is_calm: false,
            top_token: 0,
            witness: None,
            tally: Tally::default(),
        };
        world.begin(seed);
        world
    }

    fn begin(&mut self, seed: u64) {
        let settings = format!("seed {seed}: {:?}", self.settings);
        self.trace.say(0, None, || settings);
        for node in 0..self.nodes.len() {
            self.start(node);
        }
        let base = self.settings.base();
        self.after(base / 4, Event::Trouble);
        self.after(self.settings.trouble_until, Event::Finale(Step::Calm));
    }

    /// Runs to the end, or to the first violation.
    pub(crate) fn run(&mut self) {
        while let Some((at, event)) = self.queue.pop() {
            self.now = at;
            self.happen(event);
            if self.queue.planned() > MOST_EVENTS {
                self.violate("liveness", "the run never ends".to_owned());
            }
            if self.violation.is_some() && self.settings.plan.is_inside() {
                return;
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake { node } => self.wake(node),
            Event::Receive {
                node,
                session,
                input,
            } if self.lives(node, session) => self.receive(node, input),
            Event::Push {
                node,
                session,
                opened,
                seen,
            } if self.lives(node, session) => self.receive_push(node, opened, seen),
            Event::GoOn { node, session } if self.lives(node, session) => self.resume(node),
            Event::Read {
                node,
                session,
                attempt,
            } if self.lives(node, session) => self.serve_read(node, attempt),
            Event::Watch { node, session } if self.lives(node, session) => self.serve_watch(node),
            Event::Leave {
                node,
                session,
                token,
            } if self.lives(node, session) => self.leave(node, token),
            Event::Apply(apply) => self.apply(&apply),
            Event::Request { node } => self.request(node),
            Event::Store(by) => self.store(by),
            Event::Expire { revision } => self.expire(revision),
            Event::Trouble => self.trouble(),
            Event::Finale(step) => self.finale(step),
            // The process that it was for has died.
            Event::Receive { .. }
            | Event::Push { .. }
            | Event::GoOn { .. }
            | Event::Read { .. }
            | Event::Watch { .. }
            | Event::Leave { .. } => {}
        }
    }

    fn lives(&self, node: usize, session: u64) -> bool {
        self.nodes[node].process.session == session
    }

    pub(crate) fn after(&mut self, delay: u64, event: Event) {
        self.queue.push(self.now + delay, event);
    }

    /// A moment at which something of no importance is out of order.
    pub(crate) fn shuffle(&mut self) -> u64 {
        self.rng.u64(0..20 * MICROSECOND)
    }

    pub(crate) fn fact(&mut self, node: usize, fact: &Fact<'_>) {
        if self.violation.is_none() {
            self.violation = self.invariants.see(self.now, node, fact);
        }
    }

    pub(crate) fn violate(&mut self, invariant: &'static str, what: String) {
        self.violation.get_or_insert(Violation { invariant, what });
    }

    pub(crate) fn say(&mut self, node: usize, what: impl FnOnce() -> String) {
        self.trace.say(self.now, Some(node), what);
    }

    pub(crate) fn say_of_all(&mut self, what: impl FnOnce() -> String) {
        self.trace.say(self.now, None, what);
    }
}

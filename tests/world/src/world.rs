//! The state of a run that the world and all code in it share.

use std::collections::BTreeMap;

use noleader::{clock::Moment, fencing::Fenced, lease::Observation, test_util::FakeClock};
use tokio_util::sync::CancellationToken;

use crate::{
    calls,
    choices::Choices,
    clock::{MICROSECOND, WALL_START},
    executor::Spawned,
    fact::Fact,
    finale::Step,
    host::Runs,
    invariants::{Invariants, Violation},
    network::{Answer, Apply},
    node::Node,
    peer::{Call, Response},
    plan::Plan,
    queue::Queue,
    seamless::Ask,
    server::Server,
    settings::Settings,
    storage::StoredBy,
    tally::Tally,
    trace::Trace,
};

/// A time that no run reaches: about seven years.
const NEVER: u64 = 1 << 57;

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) choices: Choices,
    pub(crate) now: u64,
    pub(crate) queue: Queue<Event>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) server: Server,
    /// What the leader's requests write to, with their tokens.
    pub(crate) storage: Fenced<Vec<StoredBy>>,
    pub(crate) refused: u64,
    pub(crate) invariants: Invariants,
    /// The first violation of each invariant. Inside the assumptions, the run ends with the first one.
    pub(crate) violations: Vec<Violation>,
    pub(crate) trace: Trace,
    /// Whether the faults have stopped.
    pub(crate) is_calm: bool,
    /// Whether the run has ended, outside of the assumptions, where nothing is promised about its rest.
    pub(crate) is_over: bool,
    /// Whether every node has a watch that works and that no fault disturbs.
    pub(crate) is_settled: bool,
    /// The largest token that the store has granted.
    pub(crate) top_token: u64,
    /// After a loss of the stream: the candidate that saw the last token, and that reaches the store.
    pub(crate) witness: Option<usize>,
    pub(crate) tally: Tally,
    /// Tasks that are about to start.
    pub(crate) spawned: Vec<Spawned>,
    /// Orders to follow outside of the lock.
    pub(crate) orders: Vec<Order>,
    /// The last number that was given to a process, a request or a watch.
    pub(crate) numbers: u64,
    /// The task that runs now, and until when tasks block their threads.
    pub(crate) running: Option<usize>,
    /// Cancelled once the faults have stopped.
    pub(crate) calm_token: CancellationToken,
    /// The requests around a hand-over that are not answered yet, and until when they must be.
    pub(crate) asks: BTreeMap<u64, Ask>,
    pub(crate) asks_until: u64,
    blocked: BTreeMap<usize, u64>,
}

/// An order to start or drop code of a process, which may reach the world and therefore needs its lock.
pub(crate) enum Order {
    /// Starts a process in place of one that has ended.
    Start { node: usize },
    /// The process dies at this instant.
    Die { node: usize },
    /// The runtime of the process ends. Its threads continue.
    EndRuntime { node: usize },
    /// Drops the calls on the node that may be dropped.
    DropCalls { node: usize },
    /// Makes a call that waits.
    Call { node: usize, call: calls::Call },
    /// A client's request arrives at the node.
    Request { node: usize },
    /// A client's request around a hand-over arrives at the node.
    Ask { node: usize, number: u64 },
    /// A forwarded request arrives.
    Serve(Box<Call>),
}

pub(crate) enum Event {
    /// A task was woken.
    Run {
        task: usize,
    },
    /// The clock of the node reaches a time for which some task waits.
    Timer {
        node: usize,
    },
    /// A request to read arrives at the server.
    Read {
        node: usize,
        request: u64,
    },
    /// A write arrives at the server.
    Apply(Box<Apply>),
    /// A watch is opened at the server.
    Watch {
        node: usize,
        request: u64,
    },
    /// The server's answer arrives.
    Answer {
        node: usize,
        request: u64,
        answer: Answer,
    },
    /// The watch with this number pushes.
    Push {
        node: usize,
        watch: u64,
        seen: Observation,
    },
    /// The stream of the watch with this number breaks.
    Break {
        watch: u64,
    },
    /// A client's request arrives at the node, or a reader checks whether it leads.
    Request {
        node: usize,
    },
    /// A client's request around a hand-over arrives at the node.
    Ask {
        node: usize,
        number: u64,
    },
    /// A request that another node has forwarded arrives.
    Call(Box<Call>),
    /// The head of its response arrives.
    Respond(Box<Response>),
    /// A write of an admitted request arrives at the storage.
    Store(StoredBy),
    /// The server removes the record, if it is still this one.
    Expire {
        revision: u64,
    },
    Trouble,
    Finale(Step),
}

impl World {
    pub(crate) fn new(mut choices: Choices, plan: Plan, mut trace: Trace) -> Self {
        let settings = Settings::new(plan, &mut choices);
        let text = format!("{settings:?}");
        trace.say(0, None, || text);
        let candidates = choices.usize(3..=6);
        let observers = usize::from(choices.one_in(4));
        let nodes: Vec<_> = (0..candidates + observers)
            .map(|name| {
                let candidate = match name < candidates {
                    true => settings.candidate(name, &mut choices),
                    false => settings.observer(name, &mut choices),
                };
                let clock = settings.clock(&mut choices);
                Node::new(candidate, clock, settings.wall_clock(&mut choices))
            })
            .collect();
        Self {
            invariants: Invariants::of(&settings, nodes.len()),
            server: Server::new(match plan {
                Plan::NewBucket => WALL_START,
                Plan::RepeatedRevisions => 0,
                _ => choices.u64(10_000..1_000_000),
            }),
            settings,
            choices,
            now: 0,
            queue: Queue::new(),
            nodes,
            storage: Fenced::default(),
            refused: 0,
            violations: Vec::new(),
            trace,
            is_calm: false,
            is_settled: false,
            is_over: false,
            top_token: 0,
            witness: None,
            tally: Tally::default(),
            spawned: Vec::new(),
            orders: Vec::new(),
            numbers: 0,
            running: None,
            calm_token: CancellationToken::new(),
            asks: BTreeMap::new(),
            asks_until: 0,
            blocked: BTreeMap::new(),
        }
    }

    pub(crate) fn happen(&mut self, event: Event) {
        match event {
            Event::Run { .. } => unreachable!("tasks run outside of the lock"),
            // It was replaced by another time.
            Event::Timer { node } if self.nodes[node].timer_at != Some(self.now) => {}
            Event::Timer { node } => {
                self.nodes[node].timer_at = None;
                self.nodes[node].sync(self.now);
                self.plan_timer(node);
            }
            Event::Read { node, request } => self.serve_read(node, request),
            Event::Apply(apply) => self.apply(&apply),
            Event::Watch { node, request } => self.serve_watch(node, request),
            Event::Answer {
                request, answer, ..
            } => self.deliver(request, answer),
            Event::Push { watch, seen, .. } => self.deliver_push(watch, seen),
            Event::Break { watch } => self.server.break_watch(watch),
            Event::Request { node } => self.request(node),
            Event::Ask { node, number } => self.orders.push(Order::Ask { node, number }),
            Event::Call(call) => self.serve_call(call),
            Event::Respond(response) => response.arrive(),
            Event::Store(by) => self.store(by),
            Event::Expire { revision } => self.expire(revision),
            Event::Trouble => self.trouble(),
            Event::Finale(step) => self.finale(step),
        }
    }

    pub(crate) fn after(&mut self, delay: u64, event: Event) {
        self.queue.push(self.now + delay, event);
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A short delay, which changes the order of events.
    pub(crate) fn shuffle(&mut self) -> u64 {
        self.choices.u64(0..20 * MICROSECOND)
    }

    pub(crate) fn local(&self, node: usize) -> Moment {
        self.nodes[node].clock.local(self.now)
    }

    /// The task that runs now blocks its thread: it is not polled again for this long.
    pub(crate) fn block_task(&mut self, span: u64) {
        if let Some(task) = self.running {
            self.blocked.insert(task, self.now + span);
        }
    }

    pub(crate) fn release_blocked(&mut self) {
        self.blocked.clear();
    }

    pub(crate) fn blocked_until(&self, task: usize) -> u64 {
        self.blocked.get(&task).copied().unwrap_or(0)
    }

    /// Plans the next timer of the node.
    pub(crate) fn plan_timer(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        let Some(due) = n.shown.next_timer() else {
            n.timer_at = None;
            return;
        };
        let at = n.clock.real(due).max(self.now);
        if at < NEVER && n.timer_at != Some(at) {
            n.timer_at = Some(at);
            self.queue.push(at, Event::Timer { node });
        }
    }

    pub(crate) fn fact(&mut self, node: usize, fact: &Fact<'_>) {
        for violation in self.invariants.see(self.now, node, fact) {
            self.violate(violation.invariant, violation.what);
        }
    }

    pub(crate) fn violate(&mut self, invariant: &'static str, what: String) {
        if !self.violations.iter().any(|v| v.invariant == invariant) {
            self.violations.push(Violation { invariant, what });
        }
    }

    pub(crate) fn say(&mut self, node: usize, what: impl FnOnce() -> String) {
        self.trace.say(self.now, Some(node), what);
    }

    pub(crate) fn say_of_all(&mut self, what: impl FnOnce() -> String) {
        self.trace.say(self.now, None, what);
    }
}

impl Runs for World {
    fn lives(&self, node: usize, session: u64) -> bool {
        self.nodes[node].process.session == session
    }

    fn shown(&self, node: usize) -> FakeClock {
        self.nodes[node].shown.clone()
    }

    fn spawn(&mut self, spawned: Spawned) {
        self.spawned.push(spawned);
    }

    fn is_held_up(&mut self, node: usize) -> bool {
        self.hold_up(node)
    }

    fn goes_on(&mut self, node: usize) {
        self.nodes[node].process.is_mid_turn = false;
    }
}

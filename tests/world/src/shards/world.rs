//! The state of a run that the world and all code in it share.

use std::sync::LazyLock;

use noleader::{clock::Moment, names::NodeId, test_util::FakeClock};

use super::{
    bucket::Bucket,
    calm::Step,
    fact::Fact,
    invariants::Invariants,
    network::{Answer, Apply},
    node::Node,
    settings::{Plan, Settings},
    tally::Tally,
};
use crate::{
    choices::Choices,
    clock::{MICROSECOND, WALL_START},
    executor::Spawned,
    host::Runs,
    invariants::Violation,
    queue::Queue,
    trace::Trace,
};

/// The only invariant to check, if one is chosen: a rule that is switched off is then violated further.
static ONLY: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("NOLEADER_INVARIANT").ok());

/// A time that no run reaches: about seven years.
const NEVER: u64 = 1 << 57;

pub(crate) struct World {
    pub(super) settings: Settings,
    pub(super) choices: Choices,
    pub(super) now: u64,
    pub(super) queue: Queue<Event>,
    /// Where processes run. Two of them may have one id.
    pub(super) nodes: Vec<Node>,
    pub(super) bucket: Bucket,
    /// The node that is to have each shard.
    pub(super) targets: Vec<usize>,
    pub(super) invariants: Invariants,
    pub(super) violations: Vec<Violation>,
    pub(super) trace: Trace,
    /// Whether the faults have stopped.
    pub(super) is_calm: bool,
    /// Whether the run has ended, outside of the assumptions, where nothing is promised about its rest.
    pub(super) is_over: bool,
    pub(super) tally: Tally,
    /// Tasks that are about to start.
    pub(super) spawned: Vec<Spawned>,
    /// Orders to follow outside of the lock.
    pub(super) orders: Vec<Order>,
    /// The steps that tasks have taken at this instant.
    pub(super) steps: (u64, usize),
    /// The last number that was given to a process, a request or a watch.
    numbers: u64,
}

/// An order to start or drop code of a process, which may reach the world and therefore needs its lock.
pub(crate) enum Order {
    /// Starts a process in place of one that has ended.
    Start { node: usize },
    /// The process dies at this instant.
    Die { node: usize },
    /// The runtime of the process ends. Its threads continue.
    EndRuntime { node: usize },
    /// The process shuts down.
    Shutdown { node: usize },
    /// A client's request arrives at the node.
    Request { node: usize, shard: u32 },
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
        key: String,
    },
    /// A write arrives at the server.
    Apply(Box<Apply>),
    /// A request to watch everything after a sequence arrives at the server.
    Watch {
        node: usize,
        request: u64,
        after: u64,
    },
    /// The server's answer arrives.
    Answer {
        request: u64,
        answer: Answer,
    },
    /// The next message of the watch arrives.
    Push {
        watch: u64,
    },
    /// The stream of the watch breaks.
    Break {
        watch: u64,
    },
    /// A client's request arrives at the node.
    Request {
        node: usize,
        shard: u32,
    },
    /// The process on the node learns where the shard is to be.
    Advise {
        node: usize,
        shard: u32,
    },
    /// A process starts on the node, if none runs there.
    Start {
        node: usize,
    },
    /// Another client puts the configuration back.
    Configure {
        value: Vec<u8>,
    },
    Trouble,
    Calm(Step),
}

impl World {
    pub(super) fn new(mut choices: Choices, plan: Plan, mut trace: Trace) -> Self {
        let settings = Settings::new(plan, &mut choices);
        let text = format!("{settings:?}");
        trace.say(0, None, || text);
        let twins = if settings.has_twins { 2 } else { 0 };
        let nodes: Vec<_> = (0..settings.ids)
            .chain(0..twins)
            .map(|name| {
                let id = NodeId::parse(format!("n{name}")).expect("a name");
                let clock = settings.clock(&mut choices);
                Node::new(id, clock, settings.wall_clock(&mut choices))
            })
            .collect();
        let targets = (0..settings.shards).map(|_| choices.usize(0..settings.ids));
        Self {
            targets: targets.collect(),
            invariants: Invariants::of(&settings, nodes.len()),
            bucket: Bucket::new(match plan {
                Plan::NewBucket => WALL_START,
                _ => choices.u64(10_000..1_000_000),
            }),
            settings,
            choices,
            now: 0,
            queue: Queue::new(),
            nodes,
            violations: Vec::new(),
            trace,
            is_calm: false,
            is_over: false,
            tally: Tally::default(),
            spawned: Vec::new(),
            orders: Vec::new(),
            steps: (0, 0),
            numbers: 0,
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Run { .. } => unreachable!("tasks run outside of the lock"),
            // It was replaced by another time.
            Event::Timer { node } if self.nodes[node].timer_at != Some(self.now) => {}
            Event::Timer { node } => {
                self.nodes[node].timer_at = None;
                self.nodes[node].sync(self.now);
                self.plan_timer(node);
            }
            Event::Read { node, request, key } => self.serve_read(node, request, &key),
            Event::Apply(apply) => self.apply(&apply),
            Event::Watch {
                node,
                request,
                after,
            } => self.serve_watch(node, request, after),
            Event::Answer { request, answer } => self.answer(request, answer),
            Event::Push { watch } => self.serve_push(watch),
            Event::Break { watch } => self.bucket.break_watch(watch),
            Event::Request { node, shard } => self.orders.push(Order::Request { node, shard }),
            Event::Advise { node, shard } => self.advise(node, shard),
            Event::Start { node } => self.start_if_down(node),
            Event::Configure { value } => self.configure(value),
            Event::Trouble => self.trouble(),
            Event::Calm(step) => self.calm(step),
        }
    }

    pub(super) fn after(&mut self, delay: u64, event: Event) {
        self.queue.push(self.now + delay, event);
    }

    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A short delay, which changes the order of events.
    pub(super) fn shuffle(&mut self) -> u64 {
        self.choices.u64(0..20 * MICROSECOND)
    }

    pub(super) fn local(&self, node: usize) -> Moment {
        self.nodes[node].clock.local(self.now)
    }

    /// Plans the next timer of the node.
    pub(super) fn plan_timer(&mut self, node: usize) {
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

    pub(super) fn fact(&mut self, node: usize, fact: &Fact<'_>) {
        for violation in self.invariants.see(self.now, node, fact) {
            self.violate(violation.invariant, violation.what);
        }
    }

    pub(super) fn violate(&mut self, invariant: &'static str, what: String) {
        let is_meant = ONLY.as_ref().is_none_or(|only| only == invariant);
        if is_meant && !self.violations.iter().any(|v| v.invariant == invariant) {
            self.violations.push(Violation { invariant, what });
        }
    }

    pub(super) fn say(&mut self, node: usize, what: impl FnOnce() -> String) {
        self.trace.say(self.now, Some(node), what);
    }

    pub(super) fn say_of_all(&mut self, what: impl FnOnce() -> String) {
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

    fn goes_on(&mut self, _node: usize) {}
}

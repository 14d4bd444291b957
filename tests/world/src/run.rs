//! A run: the world and the tasks in it, event by event.

use noleader::Status;

use crate::{
    calls,
    choices::Choices,
    executor::{Executor, Place},
    finale::Step,
    host::Shared,
    plan::Plan,
    process, request,
    trace::Trace,
    world::{Event, Order, World},
};

/// More events than any run needs.
const MOST_EVENTS: usize = 400_000;

pub(crate) struct Run {
    pub(crate) world: Shared,
    executor: Executor,
}

impl Run {
    pub(crate) fn new(choices: Choices, plan: Plan, trace: Trace) -> Self {
        Self {
            world: Shared::new(World::new(choices, plan, trace)),
            executor: Executor::default(),
        }
    }

    /// Runs to the end, or to the first violation.
    pub(crate) fn play(&mut self) {
        self.begin();
        loop {
            self.follow_orders();
            self.schedule();
            let mut world = self.world.lock();
            let Some((at, event)) = world.queue.pop() else {
                break;
            };
            world.now = at;
            if world.queue.planned() > MOST_EVENTS {
                world.violate("liveness", "the run never ends".to_owned());
            }
            let has_failed = !world.violations.is_empty() && world.settings.plan.is_inside();
            if has_failed || world.is_over {
                return;
            }
            match event {
                Event::Run { task } => {
                    drop(world);
                    self.run_task(task);
                }
                event => world.happen(event),
            }
        }
        let open: Vec<_> = self.executor.tasks().map(|t| (t.node, t.name)).collect();
        self.world.lock().ends_with(&open);
    }

    fn begin(&mut self) {
        let nodes = self.world.lock().nodes.len();
        for node in 0..nodes {
            self.start(node);
        }
        let mut world = self.world.lock();
        let base = world.settings.base();
        world.after(base / 4, Event::Trouble);
        let trouble_until = world.settings.trouble_until;
        world.after(trouble_until, Event::Finale(Step::Calm));
    }

    /// Drops the processes, which hold the world that holds them, and their tasks.
    pub(crate) fn let_go(&mut self) {
        let mut world = self.world.lock();
        let processes: Vec<_> = (0..world.nodes.len())
            .map(|node| std::mem::take(&mut world.nodes[node].process))
            .collect();
        let left = (
            std::mem::take(&mut world.spawned),
            std::mem::take(&mut world.orders),
        );
        drop(world);
        drop((processes, left));
        self.executor.drop_tasks(|_| true);
    }

    fn schedule(&mut self) {
        loop {
            let spawned = std::mem::take(&mut self.world.lock().spawned);
            if spawned.is_empty() {
                break;
            }
            for spawned in spawned {
                self.executor.add(spawned);
            }
        }
        let woken = self.executor.take_woken();
        if woken.is_empty() {
            return;
        }
        let mut world = self.world.lock();
        for task in woken {
            if let Some(node) = self.executor.background(task) {
                world.nodes[node].pending += 1;
            }
            let delay = match world.choices.one_in(8) {
                true => world.shuffle(),
                false => 0,
            };
            world.after(delay, Event::Run { task });
        }
    }

    fn run_task(&mut self, index: usize) {
        let Some(task) = self.executor.get(index) else {
            return;
        };
        let mut world = self.world.lock();
        let node = task.node;
        let n = &world.nodes[node];
        let from = match task.place {
            Place::Background => n.task_runs_from(),
            Place::Runtime | Place::Thread => n.paused_until,
        };
        let from = from.max(world.blocked_until(index));
        if from > world.now {
            let at = from + 1 + world.shuffle();
            world.queue.push(at, Event::Run { task: index });
            return;
        }
        let may_drop = task.is_fragile && !world.is_calm && world.may_die(node);
        if may_drop && world.choices.one_in(100) {
            world.say(node, || format!("drops its {}", task.name));
            drop(world);
            task.is_scheduled = false;
            self.executor.drop_task(index);
            return;
        }
        if task.place == Place::Background {
            world.nodes[node].pending -= 1;
        }
        world.nodes[node].sync(world.now);
        world.running = Some(index);
        drop(world);
        self.executor.run(index);
        self.world.lock().plan_timer(node);
    }

    fn follow_orders(&mut self) {
        loop {
            let orders = std::mem::take(&mut self.world.lock().orders);
            if orders.is_empty() {
                return;
            }
            for order in orders {
                match order {
                    Order::Start { node } => self.start(node),
                    Order::Die { node } => self.die(node),
                    Order::EndRuntime { node } => self.end_runtime(node),
                    Order::DropCalls { node } => self
                        .executor
                        .drop_tasks(|task| task.node == node && task.is_fragile),
                    Order::Call { node, call } => calls::make(&self.world, node, call),
                    Order::Request { node } => request::arrive(&self.world, node),
                    Order::Ask { node, number } => request::ask(&self.world, node, number),
                    Order::Serve(call) => request::serve(&self.world, *call),
                }
            }
        }
    }

    /// Starts a process. An earlier one dies.
    fn start(&mut self, node: usize) {
        self.die(node);
        let session = self.world.lock().begin_process(node);
        process::start(&self.world, node, session);
    }

    fn die(&mut self, node: usize) {
        let mut world = self.world.lock();
        let process = world.end_process(node);
        drop(world);
        // Outside of the lock: what is dropped may reach the world, which ignores the dead.
        drop(process);
        self.executor.drop_tasks(|task| task.node == node);
        self.world.lock().nodes[node].pending = 0;
    }

    fn end_runtime(&mut self, node: usize) {
        self.world
            .lock()
            .say(node, || "its runtime ends".to_owned());
        let ends = |place| matches!(place, Place::Background | Place::Runtime);
        self.executor
            .drop_tasks(|task| task.node == node && ends(task.place));
        let mut world = self.world.lock();
        world.nodes[node].pending = 0;
        // Also if its task had not started yet.
        world.nodes[node].process.has_died = true;
        let handle = world.nodes[node].process.handle();
        let is_shut = handle.is_none_or(|h| !h.is_leader() && h.status() == Status::Stopped);
        if !is_shut {
            let what = "the gate of a runtime that has ended is open".to_owned();
            world.violate("waiters", what);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.let_go();
    }
}

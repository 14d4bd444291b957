//! A run: the world and the tasks in it, event by event.

use super::{
    calm::Step,
    process, requests,
    settings::Plan,
    world::{Event, Order, World},
};
use crate::{
    choices::Choices,
    executor::{Executor, Place},
    host::Shared,
    trace::Trace,
};

/// More events than any run needs.
const MOST_EVENTS: usize = 200_000;

pub(super) struct Run {
    pub(super) world: Shared<World>,
    executor: Executor,
}

impl Run {
    pub(super) fn new(choices: Choices, plan: Plan, trace: Trace) -> Self {
        Self {
            world: Shared::new(World::new(choices, plan, trace)),
            executor: Executor::default(),
        }
    }

    /// Runs to the end, or to the first violation.
    pub(super) fn play(&mut self) {
        self.world.lock().begin();
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
        let open = self
            .executor
            .tasks()
            .find(|task| task.place != Place::Thread);
        if let Some(task) = open {
            let what = format!("a task `{}` of node {} never ends", task.name, task.node);
            self.world.lock().violate("liveness", what);
        }
    }

    /// Drops the processes, which hold the world that holds them, and their tasks.
    pub(super) fn let_go(&mut self) {
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
            Place::Background => n.paused_until.max(n.stalled_until),
            Place::Runtime | Place::Thread => n.paused_until,
        };
        if from > world.now {
            let at = from + 1 + world.shuffle();
            world.queue.push(at, Event::Run { task: index });
            return;
        }
        world.nodes[node].sync(world.now);
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
                    Order::Shutdown { node } => process::shut_down(&self.world, node),
                    Order::Request { node, shard } => requests::arrive(&self.world, node, shard),
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
    }

    fn end_runtime(&mut self, node: usize) {
        self.world
            .lock()
            .say(node, || "its runtime ends".to_owned());
        self.executor.drop_tasks(|task| task.node == node);
        let mut world = self.world.lock();
        // Also if its task had not started yet.
        world.nodes[node].process.has_died = true;
        let handle = world.nodes[node].process.handle.clone();
        if handle.is_some_and(|handle| !handle.owned().is_empty() || handle.stopped().is_none()) {
            let what = "a gate of a runtime that has ended is open".to_owned();
            world.violate("admissions", what);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl World {
    /// Three in four nodes run from the start. The others join later, or never. Two processes of one id come later.
    fn begin(&mut self) {
        for node in 0..self.settings.ids {
            match self.choices.below(4) {
                0 => {
                    let delay = self.choices.u64(0..self.settings.trouble_until);
                    self.after(delay, Event::Start { node });
                }
                _ => self.orders.push(Order::Start { node }),
            }
        }
        let lease = self.settings.lease();
        self.after(lease / 4, Event::Trouble);
        let trouble_until = self.settings.trouble_until;
        self.after(trouble_until, Event::Calm(Step::Begin));
    }
}

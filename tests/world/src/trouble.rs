//! Faults at random times.

use std::time::Duration;

use noleader::lease::Record;

use crate::{
    calls::Call,
    clock::MILLISECOND,
    fact::Fact,
    finale::Step,
    plan::Plan,
    world::{Event, Order, World},
};

impl World {
    pub(crate) fn trouble(&mut self) {
        if self.is_calm {
            return;
        }
        if self.choices.are_used_up() {
            self.after(0, Event::Finale(Step::Calm));
            return;
        }
        let base = self.settings.base();
        let node = self.choices.usize(0..self.nodes.len());
        let span = self.choices.u64(base / 10..3 * base);
        match self.choices.below(30) {
            0..4 => self.pause(node, span),
            4 => self.stall(node, span),
            5..7 => self.cut(node, span),
            7 | 8 => self.kill(node),
            9..11 => self.step_down(node),
            11 => self.shut_down(node),
            12..14 => self.revive(),
            14 => self.outage(span / 2),
            15 => self.deafen(node),
            16..20 => self.interfere(base),
            24 | 25 => self.change_rate(node),
            26 => self.end_runtime(node),
            27..30 => self.call(node),
            _ => self.lose(),
        }
        for _ in 0..4 {
            let node = self.choices.usize(0..self.nodes.len());
            let delay = self.choices.u64(0..base / 2);
            self.after(delay, Event::Request { node });
        }
        let delay = self.choices.u64(base / 50..base);
        self.after(delay, Event::Trouble);
    }

    fn cut(&mut self, node: usize, span: u64) {
        if !self.is_smooth(node) {
            self.say(node, || format!("is cut off for {} ms", span / MILLISECOND));
            self.nodes[node].cut_until = self.now + span;
        }
    }

    /// The clock runs at another rate from now on, within the bound. In real time, its timers and the gate's deadline
    /// move.
    fn change_rate(&mut self, node: usize) {
        self.set_wall_clock(node);
        let ppm = self.settings.clock_rate(&mut self.choices);
        self.say(node, || format!("its clock runs {ppm} ppm fast"));
        let n = &mut self.nodes[node];
        n.sync(self.now);
        n.clock.change_rate(self.now, ppm);
        let open_until = n.process.gate.closes_at().map(|at| n.clock.real(at));
        if let Some(until) = open_until.filter(|_| n.process.session != 0) {
            self.fact(node, &Fact::Retimed { until });
        }
        self.plan_timer(node);
    }

    fn set_wall_clock(&mut self, node: usize) {
        let wall = self.settings.wall_clock(&mut self.choices);
        let n = &mut self.nodes[node];
        n.wall = wall.or(n.wall);
        n.sync(self.now);
    }

    fn kill(&mut self, node: usize) {
        if !self.nodes[node].is_up() || !self.may_die(node) {
            return;
        }
        match self.choices.bool() {
            true => self.restart(node),
            false => self.die(node),
        }
    }

    fn step_down(&mut self, node: usize) {
        if self.nodes[node].is_up() {
            let call = Call::StepDown;
            self.orders.push(Order::Call { node, call });
        }
    }

    fn shut_down(&mut self, node: usize) {
        if self.nodes[node].is_up() && self.may_die(node) {
            let call = Call::Shutdown;
            self.orders.push(Order::Call { node, call });
        }
    }

    fn end_runtime(&mut self, node: usize) {
        if self.nodes[node].is_up() && self.may_die(node) {
            self.orders.push(Order::EndRuntime { node });
        }
    }

    fn call(&mut self, node: usize) {
        let call = self.choose_call();
        let leaves = matches!(call, Call::DropHandle);
        if self.nodes[node].is_up() && (!leaves || self.may_die(node)) {
            self.orders.push(Order::Call { node, call });
        }
    }

    pub(crate) fn restart(&mut self, node: usize) {
        self.orders.push(Order::Start { node });
    }

    pub(crate) fn die(&mut self, node: usize) {
        self.orders.push(Order::Die { node });
    }

    /// Starts a process on a node whose last process has died or stopped.
    fn revive(&mut self) {
        let gone = (0..self.nodes.len()).find(|node| !self.nodes[*node].is_up());
        if let Some(node) = gone {
            self.restart(node);
        }
    }

    fn outage(&mut self, span: u64) {
        if self.is_told() {
            self.say_of_all(|| format!("the store is down for {} ms", span / MILLISECOND));
            self.server.down_until = self.now + span;
        }
    }

    fn deafen(&mut self, node: usize) {
        if !self.is_smooth(node) {
            self.say(node, || "its watch goes deaf".to_owned());
            self.server.deafen(|other| other == node);
        }
    }

    /// Another client writes to the key, or removes it.
    fn interfere(&mut self, base: u64) {
        if !self.settings.plan.has_removals() || !self.may_be_forgotten() {
            return;
        }
        match self.choices.below(8) {
            0 => self.overwrite("garbage", Some(b"garbage".to_vec())),
            // After a loss it could keep the last token, which only the witness knows, out of the key.
            1 if self.settings.plan != Plan::LostStream => {
                let record = self.foreign(base);
                self.overwrite("a foreign record", Some(record));
            }
            1..4 => self.overwrite("a delete marker", None),
            _ => self.remove(),
        }
    }

    pub(crate) fn overwrite(&mut self, what: &str, value: Option<Vec<u8>>) {
        let revision = self.put(value, None);
        self.say_of_all(|| format!("another client writes {what} at {revision}"));
    }

    /// A record of a foreign candidate with the same lease; in half of the cases, of a later version. It is not a
    /// release, which only the holder may write.
    fn foreign(&mut self, lease: u64) -> Vec<u8> {
        if self.choices.bool() {
            let ms = lease / MILLISECOND;
            return format!(r#"{{"v":2,"holder":null,"lease_ms":{ms},"new":true}}"#).into_bytes();
        }
        let lease = Duration::from_nanos(lease);
        let record = Record::acquiring("stranger", "stranger", None, lease, 0);
        match self.choices.bool() {
            true => record.vacant(lease).encode(),
            false => record.encode(),
        }
    }

    pub(crate) fn remove(&mut self) {
        self.say_of_all(|| "the key vanishes without a trace".to_owned());
        self.server.remove(self.now);
    }

    fn lose(&mut self) {
        match self.settings.plan {
            Plan::NewBucket | Plan::RepeatedRevisions if self.server.epoch == 0 => {
                self.lose_stream();
            }
            Plan::LostStream if self.server.epoch == 0 => self.lose_all_but_a_witness(),
            Plan::RolledBack | Plan::RolledBackTimeless => self.roll_back(),
            Plan::PowerCut { .. } => self.cut_power(),
            _ => {}
        }
    }

    /// The store forgets writes that it acknowledged. Processes that know nothing of them start at the same time.
    fn roll_back(&mut self) {
        match self.choices.below(8) {
            0 => self.lose_stream(),
            // A backup.
            1 => self.server.roll_back(self.choices.usize(1..400)),
            _ => self.server.roll_back(self.choices.usize(1..20)),
        }
        let revision = self.server.last().seen.revision();
        self.say_of_all(|| format!("the store is back at {revision}"));
        self.start_one();
    }

    fn start_one(&mut self) {
        let node = self.choices.usize(0..self.nodes.len());
        self.kill(node);
        self.revive();
    }

    fn cut_power(&mut self) {
        self.server.roll_back(self.choices.usize(1..20));
        let revision = self.server.last().seen.revision();
        self.say_of_all(|| format!("after a power cut the store is back at {revision}"));
        let base = self.settings.base();
        self.server.down_until = self.now + self.choices.u64(base / 50..base / 4);
        self.server.deafen(|_| true);
        self.server.break_deaf();
        self.start_one();
    }
}

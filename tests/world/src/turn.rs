//! A model of the background task in `src/task/driver.rs`: it feeds the machine, executes its actions, and publishes.
//! It can be paused before and after any action.

use noleader::lease::{Action, Ended, Input, Notice, Outcome, Status};

use crate::{
    fact::Fact,
    world::{Event, World},
};

impl World {
    pub(crate) fn start(&mut self, node: usize) {
        let settings = self.nodes[node].settings.clone();
        let session = self.nodes[node].process.session;
        self.say(node, || {
            let lease = settings.timing.lease;
            format!("starts with a lease of {lease:?} as session {session}")
        });
        let started = Fact::Started {
            settings: &settings,
            session,
        };
        self.fact(node, &started);
        self.watch(node);
        self.receive(node, Input::Tick);
    }

    /// The process dies; another takes its place.
    pub(crate) fn restart(&mut self, node: usize) {
        self.die(node);
        let session = self.rng.u64(1..);
        self.nodes[node].restart(session);
        self.start(node);
    }

    pub(crate) fn die(&mut self, node: usize) {
        self.say(node, || "dies".to_owned());
        self.fact(node, &Fact::Shut);
        self.nodes[node].process.session = 0;
        self.nodes[node].process.wake_at = None;
    }

    pub(crate) fn wake(&mut self, node: usize) {
        let process = &mut self.nodes[node].process;
        if process.wake_at == Some(self.now) {
            process.wake_at = None;
            self.receive(node, Input::Tick);
        }
    }

    /// Hands an input to the task, now or once it runs again.
    pub(crate) fn receive(&mut self, node: usize, input: Input) {
        let from = self.nodes[node].task_runs_from();
        if from > self.now || self.nodes[node].process.is_mid_turn {
            let session = self.nodes[node].process.session;
            let delay = from.saturating_sub(self.now) + 1 + self.shuffle();
            self.after(
                delay,
                Event::Receive {
                    node,
                    session,
                    input,
                },
            );
        } else if !self.nodes[node].process.is_stopped() {
            self.take_in(node, input);
            self.go_on(node);
        }
    }

    fn take_in(&mut self, node: usize, input: Input) {
        let now = self.nodes[node].clock.local(self.now);
        match &input {
            Input::Tick => {}
            input => self.say(node, || format!("<- {}", crate::show::input(input))),
        }
        match &input {
            // The answer to a request that was given up never reaches the machine.
            Input::Read { attempt, .. } if !self.nodes[node].process.asks(*attempt) => {}
            Input::Pushed(seen)
            | Input::Read {
                seen: Some(seen), ..
            } => {
                self.fact(node, &Fact::Saw { seen, now });
                self.nodes[node].process.shown = seen.revision();
            }
            Input::Written { attempt, outcome } => {
                let (attempt, outcome) = (*attempt, *outcome);
                let answered = Fact::Answered {
                    attempt,
                    outcome,
                    now,
                };
                self.fact(node, &answered);
                let process = &mut self.nodes[node].process;
                process.is_refused |= outcome == Outcome::Conflict;
                if let Outcome::Acknowledged(revision) = outcome {
                    process.acknowledged = revision;
                }
            }
            Input::Warmed {
                token,
                ready: false,
            } => {
                let process = &mut self.nodes[node].process;
                let failed = process.warming.take_if(|warming| warming == token);
                process.failed_warm_ups += u32::from(failed.is_some());
            }
            Input::StepDown | Input::Shutdown => {
                let has_requests = self.nodes[node].process.gate.has_requests();
                self.fact(node, &Fact::Asked { now, has_requests });
            }
            _ => {}
        }
        self.compare_watch(node, &input);
        let timeout = self.nodes[node].settings.timing.request_timeout;
        let process = &mut self.nodes[node].process;
        process.handled_at = now;
        // By now it has given up waiting for the answer.
        process.asked.take_if(|(_, at)| now >= *at + timeout);
        let before = process.machine.token();
        process.machine.handle(now, input);
        let token = process.machine.token().filter(|_| before.is_none());
        if let Some(token) = token {
            self.granted(node, token);
        }
    }

    /// Does what the machine says, up to the end of the turn or to where the task is held up.
    pub(crate) fn go_on(&mut self, node: usize) {
        loop {
            loop {
                if self.is_held_up(node) {
                    return;
                }
                let Some(action) = self.nodes[node].process.machine.poll_action() else {
                    break;
                };
                let follow = self.perform(node, action);
                let process = &mut self.nodes[node].process;
                process.follow = follow.or(process.follow.take());
            }
            match self.nodes[node].process.follow.take() {
                Some(input) => self.take_in(node, input),
                None => break,
            }
        }
        self.publish(node);
        self.plan_wake(node);
        if self.rng.u8(0..8) == 0 {
            self.look(node);
        }
    }

    fn publish(&mut self, node: usize) {
        let now = self.nodes[node].clock.local(self.now);
        let process = &mut self.nodes[node].process;
        let status = process.status(now);
        process.published = status.clone();
        // A reader has found the deadline passed, and the machine should have received that by now.
        let valid = process.machine.deadline().is_some_and(|until| now < until);
        let is_dead = valid && process.gate.deadline().is_none();
        let turned = Fact::Turned {
            status: &status,
            has_opening: process.gate.has_opening() && !is_dead,
            timeout: process.machine.poll_timeout(),
            handled_at: process.handled_at,
        };
        self.fact(node, &turned);
        if status == Status::Stopped {
            self.nodes[node].process.wake_at = None;
        }
    }

    /// As the machine asks, and once in a lease.
    pub(crate) fn plan_wake(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        let latest = n.clock.local(self.now) + n.settings.timing.lease;
        let Some(due) = n.process.machine.poll_timeout() else {
            return;
        };
        let at = n.clock.real(due.min(latest)).max(self.now);
        if n.process.wake_at != Some(at) {
            n.process.wake_at = Some(at);
            self.queue.push(at, Event::Wake { node });
        }
    }

    fn perform(&mut self, node: usize, action: Action) -> Option<Input> {
        self.say(node, || format!("-> {}", crate::show::action(&action)));
        match action {
            Action::Read { attempt } => self.send_read(node, attempt),
            Action::Write {
                attempt,
                expected,
                record,
            } => self.send_write(node, attempt, expected, record),
            Action::Begin { token, deadline } => self.begin_term(node, token, deadline),
            Action::WarmUp => self.warm_up(node),
            Action::Open => self.open(node),
            Action::Extend { deadline } => return self.extend(node, deadline),
            Action::Close => return self.close(node),
            Action::End { why } => self.end(node, why),
            Action::Settled(_) => self.settled(node),
            Action::Notice(Notice::DataLost { .. }) => self.watch(node),
            Action::Notice(_) => {}
        }
        None
    }

    fn settled(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        let failed = n.process.failed_warm_ups;
        let now = n.process.handled_at;
        n.cool_until = now + n.settings.timing.cool_down(failed);
        self.fact(node, &Fact::Settled { now });
    }

    fn end(&mut self, node: usize, why: Ended) {
        let process = &mut self.nodes[node].process;
        let (session, began_at) = (process.session, process.began_at);
        // A leader does not argue with a server that shows no key at all, or an older revision after it has
        // refused a write, though it may be a stale answer.
        let gives_in = match why {
            Ended::Deleted => process.shown == 0 || process.is_refused,
            Ended::DataLost => process.is_refused,
            _ => false,
        };
        process.gate.shut();
        process.gate.end();
        process.warming = None;
        process.draining = None;
        self.fact(node, &Fact::Shut);
        let ended = Fact::Ended {
            why,
            justified: gives_in
                || self.server.epoch > 0
                || self.server.changed_by_others(session, began_at),
        };
        self.fact(node, &ended);
    }
}

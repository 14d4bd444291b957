//! What the background task of a process does, as facts for the invariants.

use std::time::Duration;

use noleader::{
    Journal,
    clock::Moment,
    lease::{Action, Ended, Input, Machine, Notice, Outcome, Readings, Record},
};

use crate::{fact::Fact, host::Host, show, world::World};

pub(crate) struct Checker(pub(crate) Host);

impl Journal for Checker {
    fn received(&mut self, readings: Readings, input: &Input) {
        let node = self.0.node;
        let now = readings.now;
        self.0.with(|world| world.received(node, now, input));
    }

    fn performed(&mut self, token: Option<u64>, action: &Action) {
        let node = self.0.node;
        self.0.with(|world| world.performed(node, token, action));
    }

    fn turned(&mut self, now: Moment, machine: &Machine) {
        let node = self.0.node;
        self.0.with(|world| world.turned(node, now, machine));
    }

    fn died(&mut self, _was_to_stop: bool) {
        let node = self.0.node;
        self.0.with(|world| {
            world.say(node, || "its background task has ended early".to_owned());
            world.nodes[node].process.has_died = true;
            world.fact(node, &Fact::Shut);
            world.fact(node, &Fact::Died);
        });
    }
}

impl World {
    fn received(&mut self, node: usize, now: Moment, input: &Input) {
        if *input != Input::Tick {
            self.say(node, || format!("<- {}", show::input(input)));
        }
        self.nodes[node].process.received(now, input);
        self.nodes[node].process.handled = self.now;
        match input {
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
                if let Outcome::Acknowledged(revision) = outcome {
                    let process = &mut self.nodes[node].process;
                    process.acknowledged = revision;
                    process.is_misled = false;
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
                let has_requests = self.nodes[node].process.has_work();
                self.fact(node, &Fact::Asked { now, has_requests });
            }
            Input::Expired { .. } => self.tally.late_extensions += 1,
            _ => {}
        }
    }

    fn performed(&mut self, node: usize, token: Option<u64>, action: &Action) {
        self.say(node, || format!("-> {}", show::action(action)));
        match action {
            Action::Write {
                attempt,
                expected,
                record,
            } => self.sent(node, *attempt, *expected, record),
            Action::Begin { token, deadline } => self.began(node, *token, *deadline),
            Action::WarmUp => self.nodes[node].process.warming = token,
            Action::Open => self.opened(node),
            Action::Extend { deadline } => self.extended(node, *deadline),
            Action::Close => self.closed(node),
            Action::End { why } => self.ended(node, *why),
            Action::Settled(_) => self.settled(node),
            // The node now opens another watch.
            Action::Notice(Notice::DataLost { .. }) => self.is_settled = false,
            Action::Notice(Notice::RunsTwice { revision }) => self.runs_twice(node, *revision),
            Action::Read { .. } | Action::Notice(_) => {}
        }
    }

    /// No process runs twice, but the answer to a repeated copy of a write may say that it was refused.
    fn runs_twice(&mut self, node: usize, revision: u64) {
        if !self.nodes[node].process.was_misled && self.settings.plan.is_inside() {
            let what = format!("node {node} takes its record at {revision} for that of a copy");
            self.violate("grants", what);
        }
    }

    fn sent(&mut self, node: usize, attempt: u64, expected: u64, record: &Record) {
        let n = &mut self.nodes[node];
        n.process.is_refused = false;
        let sent_at = n.process.handled_at;
        if record.holder.is_some() && record.token == 0 {
            n.process.acquiring_since = n.process.handled;
        }
        let send_by = sent_at + n.settings.timing.request_timeout;
        let is_late = n.clock.local(self.now) >= send_by;
        self.tally.withheld_writes += u64::from(is_late);
        let sent = Fact::Sent {
            attempt,
            expected,
            record,
            sent_at,
        };
        self.fact(node, &sent);
    }

    fn began(&mut self, node: usize, token: u64, deadline: Moment) {
        self.tally.terms += 1;
        let process = &mut self.nodes[node].process;
        process.began_at = process.acknowledged;
        process.gate.token = Some(token);
        process.gate.deadline = deadline;
        let began = Fact::Began {
            token,
            deadline,
            now: self.local(node),
            epoch: self.server.epoch,
            acquiring_since: self.nodes[node].process.acquiring_since,
        };
        self.fact(node, &began);
    }

    fn opened(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        n.process.warming = None;
        n.process.failed_warm_ups = 0;
        n.process.gate.is_open = true;
        n.process.gate.was_found_shut = false;
        let deadline = n.process.gate.deadline;
        let until = n.clock.real(deadline);
        self.tally.late_openings += u64::from(until <= self.now);
        self.fact(node, &Fact::Opened { deadline, until });
        self.ask_around(node, until);
    }

    fn extended(&mut self, node: usize, deadline: Moment) {
        let n = &mut self.nodes[node];
        n.process.gate.deadline = deadline;
        let until = n.clock.real(deadline);
        if n.process.gate.is_open {
            self.fact(node, &Fact::Extended { deadline, until });
            self.ask_around(node, until);
        }
    }

    /// This happens without a term as well: a stop waits for the requests of earlier terms.
    fn closed(&mut self, node: usize) {
        let process = &mut self.nodes[node].process;
        process.warming = None;
        process.gate.is_open = false;
        // The machine counts the drain timeout from this time.
        let asked_at = process.handled_at;
        let has_requests = process.has_work();
        self.tally.old_requests += u64::from(process.gate.token.is_none() && process.inside > 0);
        self.fact(node, &Fact::Shut);
        let closing = Fact::Closing {
            asked_at,
            has_requests,
        };
        self.fact(node, &closing);
    }

    fn ended(&mut self, node: usize, why: Ended) {
        let process = &mut self.nodes[node].process;
        let (session, began_at, is_misled) = (process.session, process.began_at, process.is_misled);
        // A leader gives its term up when a read shows no key, or an older revision after a refused write, although the
        // read may be stale.
        let gives_in = match why {
            Ended::Deleted => process.shown == 0 || process.is_refused,
            Ended::DataLost => process.is_refused,
            _ => false,
        };
        process.warming = None;
        process.gate.is_open = false;
        process.gate.token = None;
        self.fact(node, &Fact::Shut);
        let ended = Fact::Ended {
            why,
            justified: gives_in
                || is_misled
                || self.server.epoch > 0
                || self.server.changed_by_others(session, began_at),
        };
        self.fact(node, &ended);
    }

    fn settled(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        let failed = n.process.failed_warm_ups;
        let now = n.process.handled_at;
        n.cool_until = now + n.settings.timing.cool_down(failed);
        self.fact(node, &Fact::Settled { now });
    }

    fn turned(&mut self, node: usize, now: Moment, machine: &Machine) {
        let process = &mut self.nodes[node].process;
        process.turned(machine);
        let gate = process.gate;
        // A reader has found the deadline passed. The machine must have received that before it publishes.
        let is_valid = process.known.deadline.is_some_and(|until| now < until);
        let is_dead = is_valid && gate.was_found_shut;
        let turned = Fact::Turned {
            status: &machine.status(now),
            has_opening: gate.is_open && !is_dead,
            timeout: machine.poll_timeout(),
            handled_at: process.handled_at,
        };
        self.fact(node, &turned);
    }

    pub(crate) fn lease(&self, node: usize) -> u64 {
        nanos(self.nodes[node].settings.timing.lease)
    }
}

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

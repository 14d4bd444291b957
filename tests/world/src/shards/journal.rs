//! What the background task of a process does, as facts for the invariants.

use noleader::{
    clock::Moment,
    lease::Readings,
    shards::{
        Journal,
        protocol::{
            Action, Input, Key, Machine, Notice, Ownership, Record, SessionId, SessionRecord,
        },
    },
};

use super::{fact::Fact, show, world::World};
use crate::host::Host;

pub(crate) struct Checker(pub(super) Host<World>);

impl Journal for Checker {
    fn received(&mut self, readings: Readings, input: &Input) {
        let node = self.0.node;
        self.0
            .with(|world| world.received(node, readings.now, input));
    }

    fn performs(&mut self, action: &Action) {
        let node = self.0.node;
        self.0.with(|world| world.performs(node, action));
    }

    fn turned(&mut self, _now: Moment, machine: &Machine) {
        let node = self.0.node;
        self.0
            .with(|world| world.nodes[node].process.is_stopped = machine.is_stopped());
    }

    fn died(&mut self) {
        let node = self.0.node;
        self.0.with(|world| {
            world.say(node, || "its background task has ended early".to_owned());
            world.nodes[node].process.has_died = true;
            world.fact(node, &Fact::Ended);
        });
    }
}

impl World {
    fn received(&mut self, node: usize, now: Moment, input: &Input) {
        if *input != Input::Tick {
            self.say(node, || format!("<- {}", show::input(input)));
        }
        self.nodes[node].process.handled_at = now;
        match input {
            Input::Written { attempt, outcome } => {
                let (attempt, outcome) = (*attempt, *outcome);
                let answered = Fact::Answered {
                    attempt,
                    outcome,
                    now,
                };
                self.fact(node, &answered);
            }
            Input::Leave => self.nodes[node].process.left_at = Some(now),
            Input::Expired { .. } => self.tally.found_shut += 1,
            _ => {}
        }
        self.fact(node, &Fact::Received { now });
    }

    fn performs(&mut self, node: usize, action: &Action) {
        self.say(node, || format!("-> {}", show::action(action)));
        match action {
            Action::Write {
                attempt,
                key,
                record,
                ..
            } => {
                self.check_drained(node, key, record);
                let sent_at = self.nodes[node].process.handled_at;
                let sent = Fact::Sent {
                    attempt: *attempt,
                    key,
                    record,
                    sent_at,
                };
                self.fact(node, &sent);
            }
            Action::Begin { session, deadline } => self.began(node, *session, *deadline),
            Action::Extend { deadline } => self.extended(node, *deadline),
            Action::WarmUp { shard, token } => {
                let (shard, token) = (*shard, *token);
                self.claimed(node, shard, token);
            }
            Action::Open { shard, token } => self.opened(node, *shard, *token),
            Action::Shut { shard } => self.shut(node, *shard),
            Action::EndTerm { shard } => self.ended(node, *shard),
            Action::ShutAll => {
                for shard in 0..self.settings.shards {
                    self.shut(node, shard);
                }
            }
            Action::End { .. } => {
                let process = &mut self.nodes[node].process;
                process.gates.clear();
                process.held = None;
                self.fact(node, &Fact::Ended);
            }
            Action::Notice(Notice::RunsTwice { revision }) => self.runs_twice(node, *revision),
            _ => {}
        }
    }

    /// No process runs twice, but the answer to a repeated copy of a write may say that it was refused.
    fn runs_twice(&mut self, node: usize, revision: u64) {
        if !self.nodes[node].process.is_misled && self.settings.plan.is_inside() {
            let what = format!("node {node} takes its record at {revision} for that of a copy");
            self.violate("sessions", what);
        }
    }

    fn began(&mut self, node: usize, session: SessionId, deadline: Moment) {
        self.tally.sessions += 1;
        let n = &mut self.nodes[node];
        n.process.held = Some((session, deadline));
        n.process.was_found_shut = false;
        let until = n.clock.real(deadline);
        let began = Fact::Began {
            session,
            deadline,
            until,
        };
        self.fact(node, &began);
    }

    fn extended(&mut self, node: usize, deadline: Moment) {
        let n = &mut self.nodes[node];
        if let Some((_, until)) = &mut n.process.held {
            *until = deadline;
        }
        // A reader has found the session past its deadline: it stays so.
        if !n.process.was_found_shut {
            let until = n.clock.real(deadline);
            self.fact(node, &Fact::Extended { deadline, until });
        }
    }

    fn claimed(&mut self, node: usize, shard: u32, token: u64) {
        self.nodes[node].process.shut_at.remove(&shard);
        self.fact(node, &Fact::Claimed { shard, token });
    }

    fn opened(&mut self, node: usize, shard: u32, token: u64) {
        self.tally.openings += 1;
        self.claimed(node, shard, token);
        self.nodes[node].process.gates.insert(shard, token);
        if !self.nodes[node].process.was_found_shut {
            let n = &self.nodes[node];
            let until = n
                .process
                .held
                .map_or(0, |(_, deadline)| n.clock.real(deadline));
            let opened = Fact::Opened {
                shard,
                token,
                until,
            };
            self.fact(node, &opened);
        }
    }

    fn shut(&mut self, node: usize, shard: u32) {
        let process = &mut self.nodes[node].process;
        process.shut_at.entry(shard).or_insert(process.handled_at);
        self.ended(node, shard);
    }

    fn ended(&mut self, node: usize, shard: u32) {
        self.nodes[node].process.gates.remove(&shard);
        self.fact(node, &Fact::Shut { shard });
    }

    fn check_drained(&mut self, node: usize, key: &Key, record: &Record) {
        let drain = self.settings.timing().drain_timeout;
        let process = &self.nodes[node].process;
        let now = process.handled_at;
        let has_timed_out = |since: Option<&Moment>| since.is_some_and(|at| now >= *at + drain);
        match (key, record) {
            (Key::Shard(shard), Record::Shard(Ownership::Free { token, .. })) => {
                let inside = process.inside.get(&(*shard, *token)).copied();
                let freeing = Fact::Freeing {
                    shard: *shard,
                    inside: inside.unwrap_or_default(),
                    is_open: process.gates.contains_key(shard),
                    has_timed_out: has_timed_out(process.shut_at.get(shard)),
                };
                self.fact(node, &freeing);
            }
            (_, Record::Session(SessionRecord::Left)) => {
                let leaving = Fact::Leaving {
                    inside: process.inside.values().sum(),
                    is_open: !process.gates.is_empty(),
                    has_timed_out: has_timed_out(process.left_at.as_ref()),
                };
                self.fact(node, &leaving);
            }
            _ => {}
        }
    }
}

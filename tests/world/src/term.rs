//! A term on its node: the gate opens, is renewed and closes, and requests come, write and go.

use noleader::{clock::Moment, lease::Input};

use crate::{
    clock::MICROSECOND,
    fact::Fact,
    network::LONGEST_WAY,
    storage::StoredBy,
    world::{Event, World},
};

impl World {
    pub(crate) fn granted(&mut self, node: usize, token: u64) {
        self.tally.terms += 1;
        let epoch = self.server.epoch;
        self.fact(node, &Fact::Granted { token, epoch });
    }

    pub(crate) fn begin_term(&mut self, node: usize, token: u64, deadline: Moment) {
        let process = &mut self.nodes[node].process;
        process.gate.begin(token, deadline);
        process.began_at = process.acknowledged;
        self.fact(node, &Fact::Began { deadline });
    }

    pub(crate) fn warm_up(&mut self, node: usize) {
        let token = self.nodes[node].process.gate.token;
        let lease = self.lease(node);
        let (ready, longest) = match self.is_calm {
            true => (true, lease / 4),
            false => (self.rng.u8(0..5) > 0, lease * 2),
        };
        let delay = self.rng.u64(0..longest);
        let process = &mut self.nodes[node].process;
        process.warming = token;
        let session = process.session;
        if let Some(token) = token {
            let input = Input::Warmed { token, ready };
            self.after(
                delay,
                Event::Receive {
                    node,
                    session,
                    input,
                },
            );
        }
    }

    pub(crate) fn open(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        let Some(deadline) = n.process.machine.deadline() else {
            return;
        };
        n.process.warming = None;
        n.process.failed_warm_ups = 0;
        n.process.gate.open(deadline);
        let until = n.clock.real(deadline);
        self.tally.late_openings += u64::from(until <= self.now);
        self.fact(node, &Fact::Opened { deadline, until });
        self.ask_around(node, until);
    }

    pub(crate) fn extend(&mut self, node: usize, deadline: Moment) -> Option<Input> {
        let n = &mut self.nodes[node];
        let token = n.process.gate.token?;
        if !n.process.gate.extend(deadline) {
            self.tally.late_extensions += 1;
            return Some(Input::Expired { token });
        }
        let until = n.clock.real(deadline);
        if n.process.gate.has_opening() {
            self.fact(node, &Fact::Extended { deadline, until });
            self.ask_around(node, until);
        }
        None
    }

    /// Without a term, too: a stop waits for the requests of earlier ones.
    pub(crate) fn close(&mut self, node: usize) -> Option<Input> {
        let process = &mut self.nodes[node].process;
        let token = process.gate.token.unwrap_or(0);
        process.warming = None;
        // What the machine counts the drain timeout from.
        let asked_at = process.handled_at;
        self.tally.old_requests += u64::from(process.gate.has_old_requests());
        let has_requests = process.gate.shut();
        process.draining = has_requests.then_some(token);
        self.fact(node, &Fact::Shut);
        self.fact(
            node,
            &Fact::Closing {
                asked_at,
                has_requests,
            },
        );
        (!has_requests).then_some(Input::Drained { token })
    }

    fn drained(&mut self, node: usize) {
        if let Some(token) = self.nodes[node].process.draining.take() {
            let session = self.nodes[node].process.session;
            let delay = self.shuffle();
            let input = Input::Drained { token };
            self.after(
                delay,
                Event::Receive {
                    node,
                    session,
                    input,
                },
            );
        }
    }

    /// Requests that come just before, at, and after a deadline.
    fn ask_around(&mut self, node: usize, deadline: u64) {
        if self.rng.u8(0..4) == 0 {
            let at = match self.rng.u8(0..4) {
                0 => deadline - 1,
                1 => deadline,
                2 => deadline + 1,
                _ => deadline + self.rng.u64(0..100 * MICROSECOND),
            };
            self.queue.push(at.max(self.now), Event::Request { node });
        }
    }

    /// A reader checks whether the node leads, or a request arrives and stays for a while.
    pub(crate) fn request(&mut self, node: usize) {
        self.look(node);
        if self.nodes[node].paused_until > self.now || self.rng.u8(0..3) == 0 {
            return;
        }
        let Some(token) = self.admit(node) else {
            return;
        };
        let session = self.nodes[node].process.session;
        let drain = u64::try_from(self.nodes[node].settings.timing.drain_timeout.as_nanos());
        let lease = self.lease(node);
        let stays = match self.rng.u8(0..4) {
            0 => self.rng.u64(0..=2 * drain.unwrap_or(0)),
            1 => self.rng.u64(0..lease),
            _ => self.rng.u64(0..lease / 50),
        };
        self.after(
            stays,
            Event::Leave {
                node,
                session,
                token,
            },
        );
        let writes = stays + self.storage_delay(node);
        let by = StoredBy {
            token,
            node,
            session,
        };
        self.after(writes, Event::Store(by));
    }

    fn admit(&mut self, node: usize) -> Option<u64> {
        let n = &mut self.nodes[node];
        if n.process.session == 0 {
            return None;
        }
        let now = n.clock.local(self.now);
        let Some(token) = n.process.gate.admit(now) else {
            self.found_shut(node);
            return None;
        };
        self.say(node, || format!("admits a request under {token}"));
        self.fact(node, &Fact::Admitted { now });
        Some(token)
    }

    fn found_shut(&mut self, node: usize) {
        if self.nodes[node].process.gate.has_opening() {
            self.fact(node, &Fact::FoundShut);
        }
    }

    pub(crate) fn leave(&mut self, node: usize, token: u64) {
        let is_last = self.nodes[node].process.gate.leave(token);
        self.fact(node, &Fact::Left);
        if is_last {
            self.drained(node);
        }
    }

    /// A reader checks the gate and the published status.
    pub(crate) fn look(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        let process = &mut n.process;
        if n.paused_until > self.now || process.session == 0 {
            return;
        }
        let now = n.clock.local(self.now);
        let open = process.gate.is_open(now);
        if open {
            self.fact(node, &Fact::Admitted { now });
            self.fact(node, &Fact::Left);
        } else {
            self.found_shut(node);
        }
        let n = &self.nodes[node];
        let is_due = n.process.wake_at.is_some_and(|at| at <= self.now);
        // After a pause the task needs a moment to come round.
        let runs = self.now > n.task_runs_from() + 2 * LONGEST_WAY;
        if is_due || n.process.is_mid_turn || !runs {
            return;
        }
        let (published, is) = (n.process.published.clone(), n.process.status(now));
        let looked = Fact::Looked {
            published: &published,
            is: &is,
        };
        self.fact(node, &looked);
    }

    pub(crate) fn lease(&self, node: usize) -> u64 {
        let lease = self.nodes[node].settings.timing.lease;
        u64::try_from(lease.as_nanos()).unwrap_or(u64::MAX)
    }
}

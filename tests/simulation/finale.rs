//! The end of every run: nothing goes wrong any more. A leader must appear, everybody must come to know it,
//! and its crash or its hand-over must be over within the bounds that `docs/architecture.md` names.

use noleader::lease::{Holder, Input, Role};

use crate::{
    clock::MILLISECOND,
    fact::Fact,
    network::LONGEST_WAY,
    node::Status,
    world::{Event, World},
};

/// There and back.
const ROUND_TRIP: u64 = 2 * LONGEST_WAY;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Calm,
    /// Looks whether everybody knows the leader, up to this time.
    Settle {
        until: u64,
    },
    /// The leader goes, in one way or another.
    Part,
    End,
}

impl World {
    pub(crate) fn finale(&mut self, step: Step) {
        match step {
            Step::Calm if self.settings.plan.is_inside() => self.calm(),
            Step::Calm | Step::End => self.finish(),
            Step::Settle { until } => self.settle(until),
            Step::Part => self.part(),
        }
    }

    fn finish(&mut self) {
        self.fact(0, &Fact::End);
        self.queue.hurry(|_, _| None);
    }

    fn calm(&mut self) {
        self.say_of_all(|| "from now on nothing goes wrong".to_owned());
        self.is_calm = true;
        self.server.down_until = self.now;
        self.hurry();
        for node in 0..self.nodes.len() {
            let n = &mut self.nodes[node];
            n.paused_until = n.paused_until.min(self.now);
            n.stalled_until = n.stalled_until.min(self.now);
            n.cut_until = self.now;
            let up = self.candidates_up();
            if self.nodes[node].is_up() {
                self.watch(node);
            } else if up < 2 || self.rng.bool() {
                self.restart(node);
            }
        }
        let by = self.now + self.longest_election();
        self.fact(
            0,
            &Fact::Expect {
                by,
                why: "the calm",
            },
        );
        let until = by + 2 * self.settings.longest_lease();
        self.after(self.settings.base(), Event::Finale(Step::Settle { until }));
    }

    /// Whatever was on its way arrives soon.
    pub(crate) fn hurry(&mut self) {
        let (now, is_calm) = (self.now, self.is_calm);
        let rng = &mut self.rng;
        self.queue.hurry(|at, event| match event {
            Event::Trouble if is_calm => None,
            Event::GoOn { .. } => Some(now),
            Event::Receive { .. }
            | Event::Push { .. }
            | Event::Read { .. }
            | Event::Apply(_)
            | Event::Watch { .. } => Some(now + rng.u64(0..LONGEST_WAY)),
            _ => Some(at),
        });
    }

    fn candidates_up(&self) -> usize {
        let nodes = self.nodes.iter();
        nodes
            .filter(|n| n.is_candidate() && n.is_up() && !n.is_leaving)
            .count()
    }

    /// When the first candidate other than `leader` may campaign.
    fn first_campaign(&self, leader: Option<usize>) -> u64 {
        let others = self.nodes.iter().enumerate().filter(|(node, n)| {
            Some(*node) != leader && n.is_candidate() && n.is_up() && !n.is_leaving
        });
        others.map(|(_, n)| n.cool_until).min().unwrap_or(u64::MAX)
    }

    /// How long it can take to a leader, whatever went before.
    ///
    /// A request without an answer, a pause, a silence, and a read: then everybody has seen the key. Whoever
    /// holds it has a lease, or drains and gives it back. If the revision went backwards, a lease more, until
    /// the one that was believed is given up.
    fn longest_election(&self) -> u64 {
        let lease = self.settings.longest_lease();
        let sees = lease / 6 + lease / 5 + lease * 27 / 40 + ROUND_TRIP;
        let waits = 2 * lease;
        let drain = self
            .nodes
            .iter()
            .map(|n| n.settings.timing.drain_timeout)
            .max();
        let drain = drain.map_or(0, |drain| drain.as_nanos() as u64);
        let cool = self.first_campaign(None).saturating_sub(self.now);
        cool.min(12 * lease) + sees + waits + drain + self.campaign()
    }

    /// From when a campaign is due to the open gate: the random delay, a read that is under way, the write,
    /// the warm-up.
    fn campaign(&self) -> u64 {
        20 * MILLISECOND + 3 * ROUND_TRIP + self.settings.longest_lease() / 4
    }

    fn leader(&self) -> Option<usize> {
        (0..self.nodes.len()).find(|node| {
            let process = &self.nodes[*node].process;
            process.session != 0 && process.machine.role() == Role::Leading
        })
    }

    fn holder(&self, leader: usize) -> Holder {
        let n = &self.nodes[leader];
        Holder {
            id: n.settings.id.clone(),
            address: n.settings.address.clone(),
            token: n.process.machine.token().unwrap_or(0),
        }
    }

    fn standing(&self, node: usize) -> Option<Status> {
        let n = &self.nodes[node];
        let runs = n.process.session != 0;
        runs.then(|| n.process.status(n.clock.local(self.now)))
    }

    fn settle(&mut self, until: u64) {
        let leader = self.leader().map(|leader| self.holder(leader));
        let knows = |status: Status| match status {
            Status::Follower(known) => known.is_some() && known == leader,
            Status::Leader | Status::Stopped => true,
            Status::Warming | Status::Draining => false,
        };
        let nodes = 0..self.nodes.len();
        let all_know = { nodes }.all(|node| self.standing(node).is_none_or(knows));
        if !all_know && self.now < until {
            let again = self.settings.base() / 2;
            self.after(again, Event::Finale(Step::Settle { until }));
            return;
        }
        for node in 0..self.nodes.len() {
            if let Some(status) = self.standing(node) {
                let standing = Fact::Standing {
                    status: &status,
                    leader: leader.as_ref(),
                };
                self.fact(node, &standing);
            }
        }
        let delay = self.rng.u64(0..self.settings.base());
        self.after(delay, Event::Finale(Step::Part));
    }

    fn part(&mut self) {
        let Some(leader) = self.leader() else {
            self.violate("liveness", "the leader has gone in the calm".to_owned());
            return;
        };
        let next = self.first_campaign(Some(leader));
        if next == u64::MAX {
            self.finish();
            return;
        }
        let (why, takes) = match self.rng.u8(0..3) {
            0 => {
                self.die(leader);
                let lease = self.lease(leader);
                ("a crash", LONGEST_WAY + lease)
            }
            1 => ("a step-down", self.hand_over(leader, Input::StepDown)),
            _ => ("a shutdown", self.hand_over(leader, Input::Shutdown)),
        };
        let by = (self.now + takes + LONGEST_WAY).max(next) + self.campaign();
        self.say(leader, || why.to_owned());
        self.fact(leader, &Fact::Expect { by, why });
        self.queue.push(by + 1, Event::Finale(Step::End));
    }

    /// A renewal that is under way, the drain, the release.
    fn hand_over(&mut self, leader: usize, input: Input) -> u64 {
        self.receive(leader, input);
        let drain = self.nodes[leader].settings.timing.drain_timeout;
        2 * ROUND_TRIP + drain.as_nanos() as u64
    }
}

//! The end of every run, without further faults. A leader must appear, every node must learn of it, and its crash or
//! hand-over must be over within the bounds of G3.

use std::time::Duration;

use noleader::lease::{Input, LeaderInfo, Record, Status};

use crate::{
    clock::MILLISECOND,
    fact::Fact,
    network::LONGEST_WAY,
    world::{Event, World},
};

/// There and back.
const ROUND_TRIP: u64 = 2 * LONGEST_WAY;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Calm,
    /// Checks until this time whether every node knows the leader.
    Settle {
        until: u64,
    },
    /// The leader crashes, steps down or shuts down.
    Part,
    /// It has crashed, and no other candidate may campaign before `next`.
    Crashed {
        next: u64,
    },
    End,
}

/// A leader, as the others know it.
#[derive(Debug, PartialEq)]
pub(crate) struct KnownAs {
    id: String,
    address: Option<String>,
    token: u64,
}

impl From<&LeaderInfo> for KnownAs {
    fn from(leader: &LeaderInfo) -> Self {
        Self {
            id: leader.id().to_owned(),
            address: leader.address().map(str::to_owned),
            token: leader.token().into(),
        }
    }
}

impl World {
    pub(crate) fn finale(&mut self, step: Step) {
        match step {
            Step::Calm if self.settings.plan.is_inside() => self.calm(),
            Step::Calm | Step::End => self.finish(),
            Step::Settle { until } => self.settle(until),
            Step::Part => self.part(),
            Step::Crashed { next } => self.crashed(next),
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
            let n = &self.nodes[node];
            // At least one node must be left if all were asked to shut down.
            let stays = n.is_up() && (up >= 2 || !n.is_leaving || !n.is_candidate());
            if stays {
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
                is_hand_over: false,
            },
        );
        let until = by + 2 * self.settings.longest_lease();
        self.after(self.settings.base(), Event::Finale(Step::Settle { until }));
    }

    /// Whatever was on its way arrives soon.
    fn hurry(&mut self) {
        let (now, is_calm) = (self.now, self.is_calm);
        let rng = &mut self.rng;
        self.queue.hurry(|at, event| match event {
            Event::Trouble | Event::Expire { .. } if is_calm => None,
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
        others
            .map(|(_, n)| n.clock.real(n.cool_until))
            .min()
            .unwrap_or(u64::MAX)
    }

    /// The longest time until there is a leader, from any state.
    ///
    /// A request without a response, a pause, a silence and a read: then every node has seen the key. A holder has a
    /// lease, or drains and releases. If the revision went backwards, one lease more passes until the old one is no
    /// longer believed.
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
        cool.min(12 * lease) + sees + waits + drain + self.campaign(usize::MAX)
    }

    /// From when a campaign is due to the open gate, if it is not `former`'s: the random delay, a read that is
    /// under way, the write, and the warm-up of those who have one.
    fn campaign(&self, former: usize) -> u64 {
        let nodes = self.nodes.iter().enumerate();
        let others = nodes.filter(|(node, n)| *node != former && n.is_candidate() && n.is_up());
        let takes = others.map(|(_, n)| {
            let lease = n.settings.timing.lease;
            let warm_up = if n.settings.warm_up {
                lease / 4
            } else {
                Duration::ZERO
            };
            (n.settings.timing.campaign_delay, warm_up)
        });
        let (delay, warm_up) = takes.fold((Duration::ZERO, Duration::ZERO), |most, one| {
            (most.0.max(one.0), most.1.max(one.1))
        });
        (delay + warm_up).as_nanos() as u64 + 2 * ROUND_TRIP + MILLISECOND
    }

    fn leader(&self) -> Option<usize> {
        (0..self.nodes.len()).find(|node| {
            let process = &self.nodes[*node].process;
            let now = self.nodes[*node].clock.local(self.now);
            process.session != 0 && matches!(process.status(now), Status::Leader { .. })
        })
    }

    fn known_as(&self, leader: usize) -> KnownAs {
        let n = &self.nodes[leader];
        KnownAs {
            id: n.settings.id.to_string(),
            address: n.settings.address.as_ref().map(ToString::to_string),
            token: n.process.machine.token().unwrap_or(0),
        }
    }

    fn standing(&self, node: usize) -> Option<Status> {
        let n = &self.nodes[node];
        let runs = n.process.session != 0;
        runs.then(|| n.process.status(n.clock.local(self.now)))
    }

    fn settle(&mut self, until: u64) {
        let leader = self.leader().map(|leader| self.known_as(leader));
        let knows = |status: Status| match status {
            Status::Follower { leader: known } => {
                known.is_some_and(|known| Some(KnownAs::from(&known)) == leader)
            }
            Status::Leader { .. } | Status::Stopped => true,
            _ => false,
        };
        let nodes = 0..self.nodes.len();
        let all_know = { nodes }.all(|node| self.standing(node).is_none_or(knows));
        // Requests of a term that was lost before may go on; the candidate takes no part until they are over.
        let is_settled = all_know && !self.nodes.iter().any(|n| n.process.machine.is_leaving());
        if !is_settled && self.now < until {
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
        let input = match self.rng.u8(0..3) {
            0 => {
                self.say(leader, || "a crash".to_owned());
                self.die(leader);
                // A renewal that is under way counts.
                self.after(LONGEST_WAY, Event::Finale(Step::Crashed { next }));
                return;
            }
            1 => Input::StepDown,
            _ => Input::Shutdown,
        };
        // If the others are in their own cool-down, the former leader may be the next one.
        let returns = input == Input::StepDown && next >= self.now + self.lease(leader) / 2;
        let former = if returns { usize::MAX } else { leader };
        let by = (self.now + self.hand_over(leader)).max(next) + self.campaign(former);
        self.expect(by, "a hand-over", true);
        self.receive(leader, input);
    }

    /// One lease after the last applied renewal, which was pushed to all other nodes.
    fn crashed(&mut self, next: u64) {
        let last = self.server.last();
        let lease = last.seen.value().and_then(|bytes| {
            let record = Record::decode(last.seen.revision(), bytes).ok()?;
            u64::try_from(record.lease().as_nanos()).ok()
        });
        let runs_out = last.at + LONGEST_WAY + lease.unwrap_or(0);
        let by = runs_out.max(next) + self.campaign(usize::MAX);
        self.expect(by, "a crash", false);
    }

    fn expect(&mut self, by: u64, why: &'static str, is_hand_over: bool) {
        let expect = Fact::Expect {
            by,
            why,
            is_hand_over,
        };
        self.fact(0, &expect);
        self.queue.push(by + 1, Event::Finale(Step::End));
    }

    /// A renewal that is under way, the drain, the release, its push.
    fn hand_over(&mut self, leader: usize) -> u64 {
        let n = &self.nodes[leader];
        let drain = match n.process.gate.has_requests() {
            true => n.settings.timing.drain_timeout,
            false => Duration::ZERO,
        };
        2 * ROUND_TRIP + drain.as_nanos() as u64
    }
}

//! The end of every run, without further faults. A leader must appear, every node must learn of it, and its crash or
//! hand-over must be over within the bounds of G3.

use std::time::Duration;

use noleader::{LeaderInfo, Status, lease::Record};

use crate::{
    calls::Call,
    clock::MILLISECOND,
    fact::Fact,
    journal::nanos,
    network::LONGEST_WAY,
    node::Node,
    seamless::HandOver,
    world::{Event, Order, World},
};

/// The longest round trip.
const ROUND_TRIP: u64 = 2 * LONGEST_WAY;

/// The longest hand-over without the drain: a renewal in progress, the release, and its push.
const HAND_OVER: u64 = 2 * ROUND_TRIP;

/// The longest pause of a watch that has delivered nothing, and the time to open another.
const LONGEST_SILENCE: u64 = 10_000 * MILLISECOND;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Calm,
    /// A leader must appear.
    Expect,
    /// Checks until this time whether every node knows the leader.
    Settle {
        until: u64,
    },
    /// The leader crashes, steps down or shuts down.
    Part,
    /// The planned hand-over begins.
    HandOver(HandOver),
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
            Step::Calm if self.is_calm => {}
            Step::Calm if self.settings.plan.is_inside() => self.calm(),
            Step::Calm => self.is_over = true,
            Step::Expect => self.expect_leader(),
            Step::HandOver(hand_over) => self.hand_over(hand_over),
            Step::End if !self.asks.is_empty() && self.now <= self.asks_until => {
                self.after(self.settings.base() / 8, Event::Finale(Step::End));
            }
            Step::End => self.close(),
            Step::Settle { until } => self.settle(until),
            Step::Part => self.part(),
            Step::Crashed { next } => self.crashed(next),
        }
    }

    /// Shuts every election down. All futures must then end, and the queue runs empty.
    fn close(&mut self) {
        self.fact(0, &Fact::End);
        self.say_of_all(|| "every election is shut down".to_owned());
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_up() {
                let call = Call::Shutdown;
                self.orders.push(Order::Call { node, call });
            }
        }
    }

    /// Checks that no future waits once nothing more happens.
    pub(crate) fn ends_with(&mut self, open: &[(usize, &str)]) {
        if let Some((node, name)) = open.first()
            && self.settings.plan.is_inside()
        {
            self.violate("futures", format!("on node {node}, {name} never ends"));
        }
    }

    fn calm(&mut self) {
        self.say_of_all(|| "from now on nothing goes wrong".to_owned());
        self.is_calm = true;
        self.calm_token.cancel();
        self.server.down_until = self.now;
        self.server.break_deaf();
        self.release_blocked();
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
            let has_lost_handle = n.has_lost_handle();
            if !stays && (up < 2 || self.choices.bool()) {
                self.restart(node);
            } else if has_lost_handle {
                // With the last clone of its handle, which a call may hold, the election shuts down.
                self.orders.push(Order::DropCalls { node });
            }
        }
        self.after(0, Event::Finale(Step::Expect));
    }

    /// Runs after the restarts that `calm` has ordered.
    fn expect_leader(&mut self) {
        let by = self.now + self.longest_election();
        let expect = Fact::Expect {
            by,
            why: "the end of the faults",
            hand_over: None,
        };
        self.fact(0, &expect);
        let until = by + 2 * self.settings.longest_lease() + LONGEST_SILENCE;
        self.after(self.settings.base(), Event::Finale(Step::Settle { until }));
    }

    /// Messages in flight arrive soon.
    fn hurry(&mut self) {
        let (now, is_calm) = (self.now, self.is_calm);
        let choices = &mut self.choices;
        self.queue.hurry(|at, event| match event {
            Event::Trouble | Event::Expire { .. } | Event::Break { .. } if is_calm => None,
            Event::Run { .. } => Some(now),
            Event::Answer { .. }
            | Event::Push { .. }
            | Event::Read { .. }
            | Event::Apply(_)
            | Event::Call(_)
            | Event::Respond(_)
            | Event::Watch { .. } => Some(now + choices.u64(0..LONGEST_WAY)),
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
    /// After a request without a response, a pause, a silence and a read, every node has seen the key. A holder then
    /// keeps its lease, or drains and releases it. If the revision went backwards, the old revision is believed for one
    /// more lease.
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

    /// The longest time from a due campaign to the open gate of a candidate other than `former`: the random delay, a
    /// read in progress, the write, and the warm-up if there is one.
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
            let n = &self.nodes[*node];
            n.sync(self.now);
            n.is_up() && n.leads()
        })
    }

    fn known_as(&self, leader: usize) -> KnownAs {
        let n = &self.nodes[leader];
        KnownAs {
            id: n.settings.id.to_string(),
            address: n.settings.address.as_ref().map(ToString::to_string),
            token: n.process.gate.token.unwrap_or(0),
        }
    }

    fn standing(&self, node: usize) -> Option<Status> {
        let n = &self.nodes[node];
        n.sync(self.now);
        n.process.handle().map(|handle| handle.status())
    }

    /// Whether every node has a watch, which a quick hand-over needs.
    fn all_watch(&mut self) -> bool {
        let watches = self.server.watches();
        let up = self.nodes.iter().enumerate().filter(|(_, n)| n.is_up());
        { up }.all(|(node, _)| watches.iter().any(|(_, watching)| *watching == node))
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
        // Requests of a lost term may still be in progress. Until they finish, the candidate takes no part.
        let is_leaving = self
            .nodes
            .iter()
            .any(|n| n.is_up() && n.process.known.is_leaving);
        let has_lost_handle = self.nodes.iter().any(Node::has_lost_handle);
        let is_settled = all_know && !is_leaving && !has_lost_handle && self.all_watch();
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
        if self.settings.plan.is_inside() && !self.all_watch() {
            self.violate(
                "liveness",
                "a node has no watch long after the faults stopped".to_owned(),
            );
        }
        if self.settings.plan.is_inside() && has_lost_handle {
            let what = "an election continues after its last handle was dropped".to_owned();
            self.violate("futures", what);
        }
        self.is_settled = true;
        // By then every watch has shown a renewal.
        let renewed = self.settings.longest_lease() * 3 / 5;
        let delay = renewed + self.choices.u64(0..self.settings.base());
        self.after(delay, Event::Finale(Step::Part));
    }

    fn part(&mut self) {
        let Some(leader) = self.leader() else {
            self.violate("liveness", "the leader left without a fault".to_owned());
            return;
        };
        let next = self.first_campaign(Some(leader));
        if next == u64::MAX {
            self.close();
            return;
        }
        let call = match self.choices.below(3) {
            0 => {
                self.say(leader, || "a crash".to_owned());
                self.die(leader);
                // A renewal in progress may still be applied.
                self.after(LONGEST_WAY, Event::Finale(Step::Crashed { next }));
                return;
            }
            1 => Call::StepDown,
            _ => Call::Shutdown,
        };
        let drain = nanos(self.nodes[leader].settings.timing.drain_timeout);
        let has_targets = self.has_targets();
        let lead = match has_targets {
            true => self.choices.u64(0..self.settings.base() / 8),
            false => 0,
        };
        let at = self.now + lead;
        let hand_over = HandOver {
            leader,
            call,
            at,
            over: self.handed_over_by(leader, call, at) + drain,
        };
        if has_targets {
            self.ask_around_hand_over(hand_over);
        }
        self.queue
            .push(at, Event::Finale(Step::HandOver(hand_over)));
    }

    /// When the gate of the next leader opens at the latest, if the drain takes no time.
    fn handed_over_by(&self, leader: usize, call: Call, at: u64) -> u64 {
        let next = self.first_campaign(Some(leader));
        // If the others are in their own cool-down, the former leader may be the next one.
        let returns = matches!(call, Call::StepDown) && next >= at + self.lease(leader) / 2;
        let former = if returns { usize::MAX } else { leader };
        (at + HAND_OVER).max(next) + self.campaign(former)
    }

    fn hand_over(&mut self, hand_over: HandOver) {
        let HandOver {
            leader, call, at, ..
        } = hand_over;
        let by = self.handed_over_by(leader, call, at);
        let drain = self.nodes[leader].settings.timing.drain_timeout;
        self.expect(by, "a hand-over", Some(nanos(drain)));
        self.orders.push(Order::Call { node: leader, call });
    }

    /// The lease ends one lease after the last applied renewal, which was pushed to all other nodes.
    fn crashed(&mut self, next: u64) {
        let last = self.server.last();
        let lease = last.seen.value().and_then(|bytes| {
            let record = Record::decode(last.seen.revision(), bytes).ok()?;
            u64::try_from(record.lease().as_nanos()).ok()
        });
        let runs_out = last.at + LONGEST_WAY + lease.unwrap_or(0);
        let by = runs_out.max(next) + self.campaign(usize::MAX);
        self.expect(by, "a crash", None);
    }

    fn expect(&mut self, by: u64, why: &'static str, hand_over: Option<u64>) {
        let expect = Fact::Expect { by, why, hand_over };
        self.fact(0, &expect);
        let by = by + hand_over.unwrap_or(0);
        self.queue.push(by + 1, Event::Finale(Step::End));
    }
}

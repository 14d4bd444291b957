//! G3, at the end of every run and without further faults: every call is answered, a leader appears, every node learns
//! of it, and its crash or hand-over is over within the bounds of G3.

use std::time::Duration;

use crate::{
    gate::Term,
    lease::{Input, Status},
    node::{LEASE, Node},
    script::Plan,
    world::World,
};

/// There and back, for all at once, in microseconds.
const ROUND_TRIP: u64 = 4_000;

/// The longest cool-down, in leases, and so much more as a clock may be slow.
const LONGEST_COOL_DOWN: u64 = 9;

impl World {
    pub(crate) fn finale(&mut self, how: u8) {
        for node in 0..self.nodes.len() {
            self.watch(node);
            self.warm(node);
        }
        self.flush();
        // By then, every request that was lost before has timed out.
        let given_up = self.now + self.longest_lease() / 6 + ROUND_TRIP;
        self.answer();
        // Others may have forged a record that keeps the key for a day.
        if self.plan == Plan::Lawless {
            return;
        }
        self.revive();
        let by = self.now + self.longest_election();
        self.elect(by, "the end of the faults", None);
        let leader = self.spread(given_up, by + 2 * self.longest_lease());
        self.part(leader, how);
    }

    /// Lets a pending warm-up succeed.
    fn warm(&mut self, node: usize) {
        let n = &self.nodes[node];
        if let Some(term) = n.term.filter(Term::warms_up) {
            let token = term.token;
            self.post(node, n.session, Input::Warmed { token, ready: true });
        }
    }

    /// Waits for the answers. The requests in progress stay, so the drain timeout has to pass.
    fn answer(&mut self) {
        let timings = self.nodes.iter().map(|node| &node.me.timing);
        let longest = timings.map(|t| micros(t.drain_timeout + t.request_timeout * 3));
        let by = self.now + longest.max().unwrap_or(0);
        let is_done = self.run_until(by, |_| true, |world| world.are_answered());
        assert!(is_done, "a step-down or shutdown was not answered");
    }

    fn are_answered(&self) -> bool {
        let mut nodes = self.nodes.iter();
        nodes.all(|n| !n.answers.are_pending() && n.is_leaving == n.is_stopped())
    }

    /// Restarts stopped nodes as new processes.
    fn revive(&mut self) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_stopped() {
                self.restart(node);
            }
        }
    }

    fn elect(&mut self, by: u64, why: &str, gone: Option<usize>) {
        let (since, before) = (self.now, self.progress);
        let leads = |world: &Self| world.progress > before && world.leader(gone).is_some();
        let is_done = self.run_until(by, |node| Some(node) != gone, leads);
        let within = by.saturating_sub(since);
        assert!(is_done, "no gate opened within {within} us of {why}");
    }

    fn leader(&self, gone: Option<usize>) -> Option<usize> {
        (0..self.nodes.len()).find(|node| Some(*node) != gone && self.nodes[*node].is_open())
    }

    fn spread(&mut self, from: u64, by: u64) -> usize {
        let is_done = self.run_until(by, |_| true, |world| world.now >= from && world.is_known());
        assert!(is_done, "a node does not know the leader");
        self.leader(None).expect("there is a leader")
    }

    fn is_known(&self) -> bool {
        let leader = self.leader(None);
        let token = leader.and_then(|leader| self.nodes[leader].machine.token());
        let knows = |n: &Node| match n.machine.status(n.clock) {
            Status::Follower { leader } => leader.map(|leader| leader.token().into()) == token,
            _ => false,
        };
        let mut nodes = self.nodes.iter().enumerate();
        token.is_some() && nodes.all(|(node, n)| Some(node) == leader || knows(n))
    }

    /// The leader goes, in one way or another, with a request inside.
    fn part(&mut self, leader: usize, how: u8) {
        let Some(next) = self.first_campaign(Some(leader)) else {
            return;
        };
        self.admit(leader);
        let timing = &self.nodes[leader].me.timing;
        let drain = micros(timing.drain_timeout);
        let lease = micros(timing.lease);
        let (why, takes, gone) = match how % 3 {
            0 => ("a crash", lease, Some(leader)),
            1 => ("a step-down", 2 * ROUND_TRIP + drain, None),
            _ => ("a shutdown", 2 * ROUND_TRIP + drain, None),
        };
        let by = (self.now + takes + ROUND_TRIP).max(next) + self.campaign();
        match how % 3 {
            0 => {}
            1 => self.deliver(leader, Input::StepDown),
            _ => self.deliver(leader, Input::Shutdown),
        }
        if how & 64 != 0 {
            (0..u8::MAX).for_each(|_| self.leave(leader, 0));
        }
        self.elect(by, why, gone);
        assert!(
            !self.nodes[leader].answers.are_pending(),
            "the leader did not answer"
        );
    }

    /// Runs until `is_so` holds. Returns false if it does not hold in time.
    fn run_until(
        &mut self,
        by: u64,
        takes_part: impl Fn(usize) -> bool,
        is_so: impl Fn(&Self) -> bool,
    ) -> bool {
        while !is_so(self) {
            if self.now > by || self.nodes.iter().all(Node::is_stopped) {
                return false;
            }
            self.smooth(&takes_part);
        }
        true
    }

    fn longest_lease(&self) -> u64 {
        let leases = self.nodes.iter().map(|node| micros(node.me.timing.lease));
        leases.max().unwrap_or(0).max(micros(LEASE))
    }

    /// When the first candidate other than `leader` may campaign.
    fn first_campaign(&self, leader: Option<usize>) -> Option<u64> {
        let others = self.nodes.iter().enumerate();
        let others = others.filter(|(node, n)| Some(*node) != leader && n.stays());
        let cools = |n: &Node| micros(n.cool_until.saturating_since(n.clock));
        others.map(|(_, n)| self.now + cools(n)).min()
    }

    /// The longest time until there is a leader, from any state.
    ///
    /// A request without a response, a pause, a silence and a read: then every node has seen the key. A holder has a
    /// lease, or drains and releases. If the revision went backwards, one lease more passes until the old one is no
    /// longer believed.
    fn longest_election(&self) -> u64 {
        let lease = self.longest_lease();
        let sees = lease / 6 + lease / 5 + lease * 27 / 40 + ROUND_TRIP;
        let drains = self.nodes.iter().map(|n| micros(n.me.timing.drain_timeout));
        let first = self.first_campaign(None).unwrap_or(u64::MAX);
        let cool = first.saturating_sub(self.now);
        cool.min(LONGEST_COOL_DOWN * lease)
            + sees
            + 2 * lease
            + drains.max().unwrap_or(0)
            + self.campaign()
    }

    /// From the start of a campaign to the open gate: the random delay, a read in progress, the write, the warm-up.
    fn campaign(&self) -> u64 {
        5_000 + 4 * ROUND_TRIP
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

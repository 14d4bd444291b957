//! The settings of a run and of its candidates.

use std::time::Duration;

use noleader::{
    lease::{Candidate, MIN_GUARD, MIN_LEASE, Timing},
    names::{Address, NodeId},
};

use crate::{
    choices::Choices,
    clock::{Clock, MILLISECOND, WALL_START},
    plan::Plan,
};

/// The shortest time between renewals that a builder accepts.
const MIN_RENEWAL: Duration = Duration::from_millis(10);

/// What all nodes of a run share.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) plan: Plan,
    /// The lease around which the others lie, in ms.
    base_ms: u64,
    /// The bound on the difference of two clocks' rates, in millionths, which the guard covers.
    drift_ppm: u64,
    trust_absent_key: bool,
    wall_clocks: WallClocks,
    /// Whether every candidate publishes its address, without which no request is forwarded to it.
    has_addresses: bool,
    /// The real time at which the faults stop.
    pub(crate) trouble_until: u64,
}

/// The wall clocks of the nodes of a run. They enter tokens only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WallClocks {
    /// The nodes have none: tokens are revisions.
    Absent,
    /// They differ by less than the time between two terms that do not know of each other.
    Close,
    /// They are wrong by any time.
    Any,
}

impl WallClocks {
    fn of(plan: Plan, choices: &mut Choices) -> Self {
        match plan {
            Plan::RolledBack | Plan::PowerCut { .. } => Self::Close,
            Plan::RolledBackTimeless => Self::Absent,
            _ => choices.pick([Self::Absent, Self::Close, Self::Close, Self::Any]),
        }
    }
}

impl Settings {
    pub(crate) fn new(plan: Plan, choices: &mut Choices) -> Self {
        let base_ms = choices.u64(200..=600);
        Self {
            plan,
            base_ms,
            drift_ppm: choices.pick([10_000, 50_000, 200_000]),
            trust_absent_key: plan == Plan::UnequalLeases && choices.one_in(8),
            wall_clocks: WallClocks::of(plan, choices),
            has_addresses: choices.one_in(3),
            trouble_until: base_ms * MILLISECOND * choices.u64(6..=18),
        }
    }

    /// The bound on the difference of two clocks' rates, as a fraction.
    pub(crate) fn drift(&self) -> f64 {
        self.drift_ppm as f64 / 1e6
    }

    /// The lease around which the others lie.
    pub(crate) fn base(&self) -> u64 {
        self.base_ms * MILLISECOND
    }

    pub(crate) fn trusts_absent_key(&self) -> bool {
        self.trust_absent_key
    }

    /// The longest lease of a candidate, or in a foreign record.
    pub(crate) fn longest_lease(&self) -> u64 {
        let longest = Duration::from_nanos(self.base() * 3 / 2);
        u64::try_from(longest.max(MIN_LEASE).as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn clock(&self, choices: &mut Choices) -> Clock {
        let ppm = self.clock_rate(choices);
        // A fake clock starts here, and cannot be moved back.
        let start = 3_600_000_000_000;
        Clock::new(start + choices.u64(0..1_000_000_000_000_000), ppm)
    }

    /// By how many millionths a clock is fast.
    pub(crate) fn clock_rate(&self, choices: &mut Choices) -> u64 {
        let most = match self.plan {
            Plan::WildClocks => self.drift_ppm * 8,
            _ => self.drift_ppm,
        };
        match choices.below(4) {
            0 => 0,
            1 => most,
            _ => choices.u64(0..=most),
        }
    }

    /// What a node's wall clock shows at the start of the run, in milliseconds since 1970, if it has one.
    pub(crate) fn wall_clock(&self, choices: &mut Choices) -> Option<u64> {
        match self.wall_clocks {
            WallClocks::Absent => None,
            WallClocks::Close => Some(WALL_START + choices.u64(0..=self.wall_spread_ms())),
            WallClocks::Any => Some(choices.u64(0..=5 * WALL_START)),
        }
    }

    /// The largest difference between two wall clocks, in ms. It is less than the wait for a key that was removed.
    pub(crate) fn wall_spread_ms(&self) -> u64 {
        self.base_ms / 4
    }

    /// G2: every term has a token larger than those of all earlier terms. If the key is removed, no candidate may know
    /// the last token, and the wall clocks matter.
    pub(crate) fn promises_larger_tokens(&self) -> bool {
        self.plan.promises_larger_tokens() && self.wall_clocks != WallClocks::Any
    }

    #[allow(clippy::expect_used, reason = "the names are valid")]
    pub(crate) fn candidate(&self, name: usize, choices: &mut Choices) -> Candidate {
        Candidate {
            id: NodeId::parse(format!("node-{name}")).expect("a name"),
            session: String::new(),
            address: (self.has_addresses || choices.bool()).then(|| {
                let address = format!("http://node-{name}");
                Address::parse(address).expect("an address")
            }),
            timing: self.timing(choices),
            observer: false,
            warm_up: choices.one_in(3),
            trust_absent_key: self.trust_absent_key,
            lossy_store: match self.plan {
                Plan::PowerCut { lossy_store } => lossy_store,
                // It must keep every promise too.
                _ => choices.one_in(8),
            },
        }
    }

    pub(crate) fn observer(&self, name: usize, choices: &mut Choices) -> Candidate {
        Candidate {
            observer: true,
            warm_up: false,
            ..self.candidate(name, choices)
        }
    }

    /// Repeats what `TimeSettings` derives from a builder's settings, because the invariants need the result.
    fn timing(&self, choices: &mut Choices) -> Timing {
        let lease_ms = match self.plan.has_equal_leases() {
            true => self.base_ms,
            false => (self.base_ms * choices.u64(50..=150) / 100).max(200),
        };
        let lease = Duration::from_millis(lease_ms);
        let guard = lease.mul_f64(self.drift_ppm as f64 / 1e6).max(MIN_GUARD);
        let request_timeout = lease / 6;
        let left = lease.saturating_sub(guard + request_timeout);
        let most = left.mul_f64(1.0 / 1.1).min(lease / 2);
        let shortest = (lease / 8).min(most).max(MIN_RENEWAL);
        let renew_every = match choices.below(3) {
            0 => {
                shortest
                    + most
                        .saturating_sub(shortest)
                        .mul_f64(choices.u64(0..=100) as f64 / 100.0)
            }
            _ => (lease / 3).min(most),
        };
        Timing {
            lease,
            guard,
            renew_every,
            request_timeout,
            drain_timeout: lease.mul_f64(choices.pick([0.0, 0.25, 1.0, 2.0])),
            campaign_delay: Duration::from_millis(choices.u64(0..=20)),
        }
    }
}

//! The kinds of run, and the settings of a run.

use std::{num::NonZeroUsize, time::Duration};

use noleader::lease::{TimeSettings, Timing};

use crate::{
    choices::Choices,
    clock::{Clock, MILLISECOND, WALL_START},
    journal::nanos,
};

/// The kinds of run: which faults may happen, and therefore which promises hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Only the protocol writes records.
    Untouched,
    /// Other clients remove and overwrite records, with and without a marker.
    Removals,
    /// The bucket is deleted and recreated, during all other faults. Its revisions start at the time in ms.
    NewBucket,
    /// Outside the assumptions: the server loses its last writes. The wall clocks of two nodes differ by less than the
    /// time after which tokens must have grown.
    RolledBack,
    /// Outside the assumptions of G2: as `Removals`, and the wall clocks are wrong by any time. A control: tokens shrink.
    WrongWallClocks,
}

impl Plan {
    #[must_use]
    pub fn of(seed: u64) -> Self {
        match seed % 8 {
            0..3 => Self::Untouched,
            3..7 => Self::Removals,
            _ => Self::NewBucket,
        }
    }

    pub(super) fn has_removals(self) -> bool {
        matches!(
            self,
            Self::Removals | Self::NewBucket | Self::WrongWallClocks
        )
    }

    /// Whether the run keeps the assumptions.
    pub(super) fn is_inside(self) -> bool {
        !matches!(self, Self::RolledBack | Self::WrongWallClocks)
    }
}

/// The wall clocks of the nodes of a run. They enter tokens only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WallClocks {
    /// The nodes have none: tokens are revisions.
    Absent,
    /// They differ by less than the time between two terms that do not know of each other.
    Close,
    /// Some nodes have none, and the others are wrong by any time.
    Any,
}

/// Who decides where shards are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// The world, by a table of which each node learns a part: see `placement`.
    Table,
    /// The library. The weights of the nodes differ.
    Library {
        start_wait: Duration,
        moves_at_once: NonZeroUsize,
    },
}

impl Placement {
    fn new(plan: Plan, choices: &mut Choices) -> Self {
        // Only the table moves as many shards as the controls need.
        if !plan.is_inside() || choices.bool() {
            return Self::Table;
        }
        Self::Library {
            start_wait: Duration::from_millis(choices.pick([0, 500, 2_000, 5_000])),
            moves_at_once: NonZeroUsize::MIN.saturating_add(choices.pick([0, 1, 7])),
        }
    }
}

/// What all nodes of a run share.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(super) plan: Plan,
    pub(super) shards: u32,
    /// The number of node ids.
    pub(super) ids: usize,
    /// Whether two processes of one id may run at once.
    pub(super) has_twins: bool,
    pub(super) placement: Placement,
    lease_ms: u64,
    drift_ppm: u64,
    drain: Duration,
    wall_clocks: WallClocks,
    /// The real time at which the faults stop.
    pub(super) trouble_until: u64,
}

impl Settings {
    pub(super) fn new(plan: Plan, choices: &mut Choices) -> Self {
        let lease_ms = choices.u64(2_000..=4_000);
        Self {
            plan,
            shards: u32::try_from(choices.pick([1, 2, 4, 8, 30])).unwrap_or(1),
            ids: choices.usize(3..=7),
            has_twins: choices.one_in(3),
            placement: Placement::new(plan, choices),
            lease_ms,
            drift_ppm: choices.pick([10_000, 50_000, 100_000]),
            drain: Duration::from_millis(lease_ms).mul_f64(choices.pick([0.0, 0.1, 0.5, 1.5])),
            wall_clocks: match plan {
                Plan::RolledBack => WallClocks::Close,
                Plan::WrongWallClocks => WallClocks::Any,
                _ => choices.pick([
                    WallClocks::Absent,
                    WallClocks::Close,
                    WallClocks::Close,
                    WallClocks::Any,
                ]),
            },
            trouble_until: lease_ms * MILLISECOND * choices.u64(6..=12),
        }
    }

    pub(super) fn time(&self) -> TimeSettings {
        TimeSettings {
            lease: Duration::from_millis(self.lease_ms),
            max_clock_drift: self.drift(),
            drain_timeout: self.drain,
            ..TimeSettings::default()
        }
    }

    pub(super) fn timing(&self) -> Timing {
        self.time().timing().expect("the settings are in bounds")
    }

    /// The bound on the difference of two clocks' rates, as a fraction.
    pub(super) fn drift(&self) -> f64 {
        self.drift_ppm as f64 / 1e6
    }

    pub(super) fn lease(&self) -> u64 {
        self.lease_ms * MILLISECOND
    }

    /// The shortest real time in which a clock shows that a lease has passed.
    pub(super) fn shortest_lease(&self) -> u64 {
        let shortest = Duration::from_millis(self.lease_ms).mul_f64(1.0 / (1.0 + self.drift()));
        // The clocks round down.
        nanos(shortest) - 2
    }

    pub(super) fn clock(&self, choices: &mut Choices) -> Clock {
        let ppm = self.clock_rate(choices);
        // A fake clock starts here, and cannot be moved back.
        let start = 3_600_000_000_000;
        Clock::new(start + choices.u64(0..1_000_000_000_000_000), ppm)
    }

    /// By how many millionths a clock is fast.
    pub(super) fn clock_rate(&self, choices: &mut Choices) -> u64 {
        match choices.below(4) {
            0 => 0,
            1 => self.drift_ppm,
            _ => choices.u64(0..=self.drift_ppm),
        }
    }

    /// What a node's wall clock shows at the start of the run, in milliseconds since 1970, if it has one.
    pub(super) fn wall_clock(&self, choices: &mut Choices) -> Option<u64> {
        match self.wall_clocks {
            WallClocks::Absent => None,
            WallClocks::Close => Some(WALL_START + choices.u64(0..=self.wall_spread_ms())),
            WallClocks::Any if choices.one_in(3) => None,
            WallClocks::Any => Some(choices.u64(0..=5 * WALL_START)),
        }
    }

    /// The largest difference between two wall clocks, in ms. It is less than the wait for a record that was removed.
    pub(super) fn wall_spread_ms(&self) -> u64 {
        self.lease_ms / 4
    }

    /// G2: every term of a shard has a token larger than those of all its earlier terms. If the record is removed, no
    /// node may know the last token, and the wall clocks matter.
    pub(super) fn promises_larger_tokens(&self) -> bool {
        match self.plan {
            Plan::Untouched => true,
            Plan::Removals | Plan::NewBucket => self.wall_clocks != WallClocks::Any,
            // It is checked, and must be violated.
            Plan::WrongWallClocks => true,
            Plan::RolledBack => false,
        }
    }
}

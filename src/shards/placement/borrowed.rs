use std::time::Duration;

use super::live_nodes::NodeNumber;
use crate::clock::Moment;

/// A shard that this node claimed although it is not its home, since the home did not.
#[derive(Debug)]
pub(super) struct Borrowed {
    /// The home.
    pub(super) home: NodeNumber,
    /// How often in a row.
    rounds: u32,
    /// It is kept until then.
    pub(super) until: Moment,
}

impl Borrowed {
    /// It is kept for longer each time, as a home whose warm-ups fail sits out for longer.
    pub(super) fn again(
        former: Option<&Self>,
        home: NodeNumber,
        now: Moment,
        proven_after: Duration,
    ) -> Self {
        let rounds = former.map_or(1, |former| former.rounds.saturating_add(1));
        let doubled = 1 << (rounds - 1).min(6);
        Self {
            home,
            rounds,
            until: now + proven_after.saturating_mul(doubled),
        }
    }
}

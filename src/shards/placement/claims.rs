//! When a node claims a shard that has no owner.

use super::{advisor::Advisor, live_nodes::ME, shard::State};
use crate::{clock::Moment, shards::due::NEVER};

impl Advisor {
    /// From when on this node claims a shard without an owner, if nothing happens before.
    ///
    /// At once if the shard is meant for it; if it is the shard's home, once its own start is over; otherwise when those
    /// before it in the shard's order have not claimed a shard for a while. One that claims others is busy, and comes to
    /// this one.
    pub(super) fn claims_from(&self, shard: u32) -> Moment {
        let state = &self.shards[shard as usize];
        if self.nodes[ME].weight == 0 {
            return NEVER;
        }
        if state.state == (State::Unowned { wanted: Some(ME) }) {
            return state.since;
        }
        let wait = self.settings.start_wait;
        let mut idle_since = state.since.max(self.nodes[ME].reaches(wait));
        let mut rank = 0;
        for node in self.nodes.before(ME, shard, state.home) {
            idle_since = idle_since.max(node.reaches(wait)).max(node.claimed_at);
            rank += 1;
        }
        match rank {
            0 => idle_since,
            _ => {
                idle_since
                    + self
                        .settings
                        .patience
                        .saturating_mul(1 << (rank - 1).min(16))
            }
        }
    }
}

//! R4 and R5: sessions of other nodes that are silent or absent.

use std::time::Duration;

use super::{
    action::Record,
    machine::Machine,
    peers::{Peer, PeerState, SessionContent},
    requests::{About, Purpose, Write},
    session_record::SessionRecord,
};
use crate::{
    clock::Moment,
    lease::Outcome,
    shards::{due::NEVER, placement::fence_rank},
};

/// How much later each further node fences a silent one.
const RANK_WAIT: Duration = Duration::from_millis(100);
/// All that come later wait for the same time.
const LAST_RANK: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Read,
    Mark,
    Fence,
}

impl Machine {
    fn peer_step(&self, state: &PeerState) -> Option<(Moment, Step)> {
        if state.is_busy {
            return None;
        }
        if state.is_reading {
            return Some((state.retry_at, Step::Read));
        }
        if let Some((_, lease)) = state.granted() {
            let silent = self.me.timing.held_until(state.first_seen, lease);
            let at = silent + state.delay;
            return Some(self.earlier_read(state, (at.max(state.retry_at), Step::Fence)));
        }
        let is_awaited = !state.waiting.is_empty();
        match state.content {
            SessionContent::Absent if is_awaited => Some((state.retry_at, Step::Mark)),
            _ => self.evidence_read(state),
        }
    }

    fn earlier_read(&self, state: &PeerState, other: (Moment, Step)) -> (Moment, Step) {
        self.evidence_read(state)
            .filter(|(at, _)| *at < other.0)
            .unwrap_or(other)
    }

    /// A session that is older than a claim it is needed for. The watch delivers a newer one soon, unless the key was
    /// removed without a marker.
    fn evidence_read(&self, state: &PeerState) -> Option<(Moment, Step)> {
        let since = state.behind_since?;
        let at = (since + self.me.stall()).max(state.retry_at);
        Some((at, Step::Read))
    }

    pub(super) fn look_at_peer(&mut self, now: Moment, peer: Peer) {
        let step = self.peer_step(&self.peers[peer]);
        let Some((_, step)) = step.filter(|(at, _)| *at <= now) else {
            let at = step.map_or(NEVER, |(at, _)| at);
            return self.plan_peer(peer, at);
        };
        self.plan_peer(peer, NEVER);
        let about = About::Peer(peer);
        let revision = self.peers[peer].revision;
        match step {
            Step::Read => {
                self.send_read(now, about);
                // Those that still need evidence say so again.
                self.wake_waiting(now, peer);
            }
            Step::Mark => self.send_session(now, about, (Purpose::Mark, 0), SessionRecord::Unknown),
            Step::Fence if self.leaves_to_others(now, peer) => {}
            Step::Fence => {
                let by = self.me.id.clone();
                let dead = SessionRecord::Dead { by };
                self.send_session(now, about, (Purpose::Fence, revision), dead);
            }
        }
    }

    /// Whether other nodes are to fence a silent one before this one does. The later this node comes, the longer it waits.
    fn leaves_to_others(&mut self, now: Moment, peer: Peer) -> bool {
        let state = &self.peers[peer];
        if state.is_ranked {
            return false;
        }
        let alive = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.granted().is_some());
        let alive = alive.map(|(_, peer)| &peer.id);
        let rank = fence_rank(&self.me.id, &state.id, alive).min(LAST_RANK);
        let wait = RANK_WAIT * u32::try_from(rank).unwrap_or(0);
        let state = &mut self.peers[peer];
        state.is_ranked = true;
        state.delay += wait;
        self.plan_peer(peer, now + wait);
        !wait.is_zero()
    }

    /// Looks at the shards that wait for evidence.
    pub(super) fn wake_waiting(&mut self, now: Moment, peer: Peer) {
        let state = &mut self.peers[peer];
        state.behind_since = None;
        for shard in std::mem::take(&mut state.waiting) {
            self.plan_shard(shard, now);
        }
    }

    pub(super) fn handle_peer_written(
        &mut self,
        now: Moment,
        peer: Peer,
        write: Write,
        outcome: Outcome,
    ) {
        let Record::Session(record) = write.record else {
            return;
        };
        match outcome {
            Outcome::Acknowledged(revision) if revision <= write.expected => {
                self.handle_data_lost(now);
            }
            Outcome::Acknowledged(revision) => {
                self.note_session(now, peer, revision, SessionContent::Record(record));
            }
            Outcome::Conflict | Outcome::Unknown => {
                let state = &self.peers[peer];
                let is_absent = state.content == SessionContent::Absent;
                if is_absent || state.revision <= write.expected {
                    self.pause_peer_if_repeated(now, peer);
                    self.read_later(now, About::Peer(peer));
                }
            }
            Outcome::Failed => {
                self.back_off_peer(now, peer);
                self.read_later(now, About::Peer(peer));
            }
        }
    }
}

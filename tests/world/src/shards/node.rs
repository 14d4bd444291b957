//! A node: its clock, and its current process as the world sees it.

use std::collections::BTreeMap;

use noleader::{
    Shards,
    clock::Moment,
    names::NodeId,
    shards::protocol::{SessionId, Want},
    test_util::FakeClock,
};
use tokio::sync::watch;

use crate::clock::{Clock, MILLISECOND};

pub(crate) struct Node {
    pub(super) id: NodeId,
    pub(super) clock: Clock,
    /// What the processes of this node read. It follows [`clock`](Self::clock).
    pub(super) shown: FakeClock,
    /// What its wall clock shows at the start of the run, in ms, if it has one.
    pub(super) wall: Option<u64>,
    /// When the next timer of the node is planned.
    pub(super) timer_at: Option<u64>,
    pub(super) process: Process,
    /// The whole process is paused until then.
    pub(super) paused_until: u64,
    /// Its background tasks are starved until then, while requests continue.
    pub(super) stalled_until: u64,
    /// It can neither send nor receive until then.
    pub(super) cut_until: u64,
}

/// What the world knows of a process. Its code is the library's.
#[derive(Default)]
pub(crate) struct Process {
    /// Names the process. 0 stands for none.
    pub(super) session: u64,
    pub(super) handle: Option<Shards>,
    /// Its part of the shards, where the library places them.
    pub(super) weight: u32,
    /// What it is advised, where the world places them.
    pub(super) wants: Option<watch::Sender<Vec<Want>>>,
    /// When the protocol last received an input: what `sent_at` is counted from.
    pub(super) handled_at: Moment,
    /// The session that it holds, and its deadline.
    pub(super) held: Option<(SessionId, Moment)>,
    /// A reader has found the deadline passed.
    pub(super) was_found_shut: bool,
    /// The open gates, and their tokens.
    pub(super) gates: BTreeMap<u32, u64>,
    /// The admitted requests and the warm-ups that have not ended, by shard and token.
    pub(super) inside: BTreeMap<(u32, u64), usize>,
    /// When each shard was shut, since its term began.
    pub(super) shut_at: BTreeMap<u32, Moment>,
    /// It was asked to leave, and when its task received that.
    pub(super) is_leaving: bool,
    pub(super) left_at: Option<Moment>,
    pub(super) is_stopped: bool,
    /// The background task was dropped before the node had left.
    pub(super) has_died: bool,
    /// A write may have been reported as refused although it was applied.
    pub(super) is_misled: bool,
}

impl Process {
    pub(super) fn is_over(&self) -> bool {
        self.session == 0 || self.is_stopped || self.has_died
    }

    /// Whether the gate of a shard is open on the process's own clock.
    pub(super) fn is_open(&self, shard: u32, now: Moment) -> bool {
        let is_valid = self.held.is_some_and(|(_, deadline)| now < deadline);
        is_valid && !self.was_found_shut && self.gates.contains_key(&shard)
    }
}

impl Node {
    pub(super) fn new(id: NodeId, clock: Clock, wall: Option<u64>) -> Self {
        let shown = FakeClock::new();
        let at = clock.local(0).saturating_since(shown.now());
        shown.advance(at);
        Self {
            id,
            clock,
            shown,
            wall,
            timer_at: None,
            process: Process::default(),
            paused_until: 0,
            stalled_until: 0,
            cut_until: 0,
        }
    }

    /// Moves the clocks that the processes read to the real time `at`.
    pub(super) fn sync(&self, at: u64) {
        let ahead = self.clock.local(at).saturating_since(self.shown.now());
        if !ahead.is_zero() {
            self.shown.advance(ahead);
        }
        if let Some(wall) = self.wall {
            self.shown.set_wall(wall + at / MILLISECOND);
        }
    }

    /// Whether a process runs there that has not stopped.
    pub(super) fn is_up(&self) -> bool {
        !self.process.is_over()
    }
}

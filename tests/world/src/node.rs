//! A node: its clock, and its current process as the world sees it.

use noleader::{
    Leader, LeaderHandle, Status,
    clock::Moment,
    lease::{Candidate, Input, Machine},
    test_util::FakeClock,
};
use tokio::sync::watch;

use crate::clock::{Clock, MILLISECOND};

pub(crate) struct Node {
    pub(crate) settings: Candidate,
    pub(crate) clock: Clock,
    /// What the processes of this node read. It follows [`clock`](Self::clock).
    pub(crate) shown: FakeClock,
    /// What its wall clock shows at the start of the run, in ms, if it has one.
    pub(crate) wall: Option<u64>,
    /// When the next timer of the node is planned.
    pub(crate) timer_at: Option<u64>,
    pub(crate) process: Process,
    /// The whole process is paused until then.
    pub(crate) paused_until: u64,
    /// Its background tasks are starved until then, while requests continue.
    pub(crate) stalled_until: u64,
    /// It can neither send nor receive until then.
    pub(crate) cut_until: u64,
    /// It does not campaign until then.
    pub(crate) cool_until: Moment,
    pub(crate) is_leaving: bool,
    /// The runs of its background tasks that are scheduled.
    pub(crate) pending: usize,
}

/// What the world knows of a process. Its code is the library's.
#[derive(Default)]
pub(crate) struct Process {
    /// Names the process. 0 stands for none.
    pub(crate) session: u64,
    pub(crate) face: Face,
    /// When the machine last received an input: what `sent_at` is counted from.
    pub(crate) handled_at: Moment,
    /// The same in real time, and for the last acquiring write.
    pub(crate) handled: u64,
    pub(crate) acquiring_since: u64,
    /// The background task is paused in the middle of a turn.
    pub(crate) is_mid_turn: bool,
    /// The work loop has returned.
    pub(crate) has_ended: bool,
    /// The background task was dropped before the election had stopped.
    pub(crate) has_died: bool,
    pub(crate) known: Known,
    pub(crate) gate: Gate,
    /// The revision that it saw last.
    pub(crate) shown: u64,
    /// A write was refused since the last write left.
    pub(crate) is_refused: bool,
    /// A write was reported as refused although it was applied, since the last acknowledged write.
    pub(crate) is_misled: bool,
    /// The same may have happened to any earlier write.
    pub(crate) was_misled: bool,
    /// The revision of the last acknowledged write, and of the one that began the term.
    pub(crate) acknowledged: u64,
    pub(crate) began_at: u64,
    /// The term whose warm-up runs.
    pub(crate) warming: Option<u64>,
    pub(crate) failed_warm_ups: u32,
    /// The warm-ups that have not ended, also of terms that have.
    pub(crate) warm_ups: usize,
    /// The admitted requests and the work inside.
    pub(crate) inside: usize,
    /// Its server accepts no further connections.
    pub(crate) serves_no_more: bool,
}

/// How the world reaches the process.
#[derive(Default)]
pub(crate) struct Face {
    pub(crate) handle: Option<LeaderHandle>,
    pub(crate) leader: Option<Leader>,
    /// Shows the status after every handle is dropped, too.
    pub(crate) status: Option<watch::Receiver<Status>>,
}

/// The state of the machine after its last turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) deadline: Option<Moment>,
    pub(crate) floor: u64,
    pub(crate) is_leaving: bool,
    pub(crate) is_stopped: bool,
}

/// The state of the gate after the performed actions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gate {
    pub(crate) token: Option<u64>,
    pub(crate) deadline: Moment,
    pub(crate) is_open: bool,
    /// A reader has found the deadline passed.
    pub(crate) was_found_shut: bool,
}

impl Gate {
    /// When the gate closes by itself, if it is open and no reader has found the deadline passed.
    pub(crate) fn closes_at(&self) -> Option<Moment> {
        (self.is_open && !self.was_found_shut).then_some(self.deadline)
    }
}

impl Process {
    /// A handle of its election, while there is one.
    pub(crate) fn handle(&self) -> Option<LeaderHandle> {
        let looped = || self.face.leader.as_ref().and_then(Leader::handle);
        self.face.handle.clone().or_else(looped)
    }

    pub(crate) fn received(&mut self, now: Moment, input: &Input) {
        self.handled_at = now;
        self.is_refused |= matches!(
            input,
            Input::Written {
                outcome: noleader::lease::Outcome::Conflict,
                ..
            }
        );
    }

    pub(crate) fn turned(&mut self, machine: &Machine) {
        self.known = Known {
            deadline: machine.deadline(),
            floor: machine.floor(),
            is_leaving: machine.is_leaving(),
            is_stopped: machine.is_stopped(),
        };
    }

    /// Whether a stop has to wait for something.
    pub(crate) fn has_work(&self) -> bool {
        self.inside > 0 || self.warm_ups > 0
    }

    pub(crate) fn is_over(&self) -> bool {
        self.session == 0 || self.known.is_stopped || self.has_died || self.has_ended
    }
}

impl Node {
    pub(crate) fn new(settings: Candidate, clock: Clock, wall: Option<u64>) -> Self {
        let shown = FakeClock::new();
        let at = clock.local(0).saturating_since(shown.now());
        shown.advance(at);
        Self {
            settings,
            clock,
            shown,
            wall,
            timer_at: None,
            process: Process::default(),
            paused_until: 0,
            stalled_until: 0,
            cut_until: 0,
            pending: 0,
            cool_until: Moment::default(),
            is_leaving: false,
        }
    }

    /// Moves the clocks that the processes read to the real time `at`.
    pub(crate) fn sync(&self, at: u64) {
        let ahead = self.clock.local(at).saturating_since(self.shown.now());
        if !ahead.is_zero() {
            self.shown.advance(ahead);
        }
        if let Some(wall) = self.wall {
            self.shown.set_wall(wall + at / MILLISECOND);
        }
    }

    pub(crate) fn is_candidate(&self) -> bool {
        !self.settings.observer
    }

    /// From when its background tasks may run.
    pub(crate) fn task_runs_from(&self) -> u64 {
        self.paused_until.max(self.stalled_until)
    }

    /// Whether a process runs there that takes part in the election.
    pub(crate) fn is_up(&self) -> bool {
        !self.process.is_over()
    }

    /// Whether it would campaign with a token above `token`.
    pub(crate) fn knows(&self, token: u64) -> bool {
        self.is_up() && !self.is_leaving && self.is_candidate() && self.process.known.floor >= token
    }

    /// Whether a process runs there whose handles are all dropped.
    pub(crate) fn has_lost_handle(&self) -> bool {
        let face = &self.process.face;
        self.is_up() && face.status.is_some() && face.handle.is_none()
    }

    /// Whether it leads, by its own account.
    pub(crate) fn leads(&self) -> bool {
        let face = &self.process.face;
        match (self.process.handle(), &face.status) {
            (Some(handle), _) => handle.is_leader(),
            (None, Some(status)) => matches!(*status.borrow(), Status::Leader { .. }),
            (None, None) => false,
        }
    }
}

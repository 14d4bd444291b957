//! A node: its clock and its current process.

use noleader::{
    clock::Moment,
    lease::{Candidate, Input, Machine, Status},
};

use crate::{clock::Clock, gate::Gate};

pub(crate) struct Node {
    pub(crate) settings: Candidate,
    pub(crate) clock: Clock,
    pub(crate) process: Process,
    /// The whole process stands still until then,
    pub(crate) paused_until: u64,
    /// only its background task does, while requests go on,
    pub(crate) stalled_until: u64,
    /// it can neither send nor receive.
    pub(crate) cut_until: u64,
    /// it does not campaign.
    pub(crate) cool_until: Moment,
    pub(crate) is_leaving: bool,
}

/// A process: what `Driver` and `Shared` hold in a real one.
pub(crate) struct Process {
    /// Names the process; also the seed of the machine.
    pub(crate) session: u64,
    pub(crate) machine: Machine,
    pub(crate) gate: Gate,
    /// When the machine was last told the time: what `sent_at` is counted from.
    pub(crate) handled_at: Moment,
    /// What the actions of this turn ask to be fed next.
    pub(crate) follow: Option<Input>,
    /// The background task stands in the middle of a turn.
    pub(crate) is_mid_turn: bool,
    /// The request under way, and when it was decided on.
    pub(crate) asked: Option<(u64, Moment)>,
    /// The revision that it was shown last.
    pub(crate) shown: u64,
    /// A write was refused since the last one left.
    pub(crate) is_refused: bool,
    /// The revision of the last acknowledged write, and of the one that began the term.
    pub(crate) acknowledged: u64,
    pub(crate) began_at: u64,
    pub(crate) warming: Option<u64>,
    pub(crate) draining: Option<u64>,
    pub(crate) failed_warm_ups: u32,
    pub(crate) wake_at: Option<u64>,
    pub(crate) published: Status,
    pub(crate) watch: Watch,
}

/// The watcher's side of a watch, by the rules of `src/task/watcher.rs`.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) last_pushed: u64,
    missed: bool,
    /// It hears nothing until it is opened again.
    pub(crate) is_deaf: bool,
    /// Which watch this is: what an earlier one pushes is dropped.
    pub(crate) opened: u64,
}

impl Watch {
    pub(crate) fn pushed(&mut self, revision: u64) {
        self.last_pushed = revision;
        self.missed = false;
    }

    /// Whether it missed two revisions in a row, and has to be opened again.
    pub(crate) fn compare(&mut self, revision: u64) -> bool {
        if revision == 0 || revision == self.last_pushed {
            self.missed = false;
            return false;
        }
        std::mem::replace(&mut self.missed, true)
    }

    pub(crate) fn reopen(&mut self) {
        self.missed = false;
        self.is_deaf = false;
        self.opened += 1;
    }
}

impl Process {
    fn new(settings: &Candidate, session: u64) -> Self {
        let candidate = Candidate {
            session: session.to_string(),
            ..settings.clone()
        };
        Self {
            session,
            machine: Machine::new(candidate, session),
            gate: Gate::default(),
            handled_at: Moment::default(),
            follow: None,
            is_mid_turn: false,
            asked: None,
            shown: 0,
            is_refused: false,
            acknowledged: 0,
            began_at: 0,
            warming: None,
            draining: None,
            failed_warm_ups: 0,
            wake_at: None,
            published: Status::Follower { leader: None },
            watch: Watch::default(),
        }
    }

    pub(crate) fn ask(&mut self, attempt: u64) {
        self.asked = Some((attempt, self.handled_at));
    }

    /// Whether the machine still waits for this answer.
    pub(crate) fn asks(&self, attempt: u64) -> bool {
        self.asked.is_some_and(|(asked, _)| asked == attempt)
    }

    pub(crate) fn status(&self, now: Moment) -> Status {
        self.machine.status(now)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.machine.is_stopped()
    }
}

impl Node {
    pub(crate) fn new(settings: Candidate, clock: Clock, session: u64) -> Self {
        Self {
            process: Process::new(&settings, session),
            settings,
            clock,
            paused_until: 0,
            stalled_until: 0,
            cut_until: 0,
            cool_until: Moment::default(),
            is_leaving: false,
        }
    }

    /// The process dies, and a new one starts.
    pub(crate) fn restart(&mut self, session: u64) {
        self.process = Process::new(&self.settings, session);
        self.is_leaving = false;
        self.stalled_until = 0;
        self.cool_until = Moment::default();
    }

    pub(crate) fn is_candidate(&self) -> bool {
        !self.settings.observer
    }

    /// When its background task may go on.
    pub(crate) fn task_runs_from(&self) -> u64 {
        self.paused_until.max(self.stalled_until)
    }

    /// Whether a process runs there that has not stopped.
    pub(crate) fn is_up(&self) -> bool {
        self.process.session != 0 && !self.process.is_stopped()
    }

    /// Whether it would campaign with a token above `token`.
    pub(crate) fn knows(&self, token: u64) -> bool {
        self.is_up()
            && !self.is_leaving
            && self.is_candidate()
            && self.process.machine.floor() >= token
    }
}

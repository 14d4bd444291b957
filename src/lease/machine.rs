use std::collections::VecDeque;

use super::{
    action::{Action, Ended, Notice},
    input::{Input, Readings},
    leader_info::LeaderInfo,
    own_writes::{OwnWrites, WriteId},
    record::Record,
    request::Request,
    sighting::{Content, Rules},
    state::{Phase, State, Then},
    status::Status,
    validity::Timing,
    view::{Source, View},
};
use crate::{
    clock::{Moment, WallTime},
    names::{Address, NodeId},
};

/// The identity and the settings of a candidate.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name for operators.
    pub id: NodeId,
    /// A nonce, new at every start, by which a candidate recognizes its own writes.
    pub session: String,
    /// The address that it publishes.
    pub address: Option<Address>,
    /// Its time settings.
    pub timing: Timing,
    /// Whether it only observes.
    pub observer: bool,
    /// Whether a warm-up runs between winning the election and opening the gate.
    pub warm_up: bool,
    /// Whether an absent key is free at once, without the wait for an unknown holder.
    pub trust_absent_key: bool,
    /// Whether the store may lose the last writes that it acknowledged. What was seen before a loss, which also breaks
    /// the watch, may then have been replaced by a write that is lost.
    pub lossy_store: bool,
}

/// The protocol of one candidate, without IO and without a clock.
///
/// To drive it, repeat these steps:
///
/// 1. Pass an input to [`handle`](Self::handle), with the readings at which it was *received*.
/// 2. Perform each [`poll_action`](Self::poll_action), in order.
/// 3. Wait for the next input, at most until [`poll_timeout`](Self::poll_timeout). At that time pass [`Input::Tick`].
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Machine {
    pub(super) me: Candidate,
    pub(super) rng: fastrand::Rng,
    pub(super) state: State,
    pub(super) view: View,
    /// When the bucket of the last watch was created.
    pub(super) epoch: Option<u64>,
    pub(super) own_writes: OwnWrites,
    /// The id of the next write.
    pub(super) write_id: WriteId,
    /// The only request in progress.
    pub(super) request: Option<Request>,
    pub(super) attempts: u64,
    /// Set if a read is due or in progress: how to interpret its result.
    pub(super) reading: Option<Source>,
    /// The expected revision of a write of this candidate that may still be applied.
    pub(super) uncertain: Option<u64>,
    /// A record of this candidate was acknowledged at a revision below the believed revision. A read will show it.
    pub(super) is_misplaced: bool,
    pub(super) failures: u32,
    pub(super) retry_at: Moment,
    pub(super) silent_at: Moment,
    pub(super) failed_warm_ups: u32,
    /// The time of the last input.
    pub(super) handled_at: Moment,
    /// The wall clock at the last input, if it was plausible.
    pub(super) wall: Option<WallTime>,
    /// The wall clock was implausible at the last input.
    is_wall_off: bool,
    pub(super) actions: VecDeque<Action>,
}

impl Machine {
    /// Creates a candidate that acts at the first [`Input::Tick`]. All of its jitter follows from `seed`.
    #[must_use]
    pub fn new(candidate: Candidate, seed: u64) -> Self {
        Self {
            me: candidate,
            rng: fastrand::Rng::with_seed(seed),
            state: State::Following {
                from: Moment::default(),
            },
            view: View::new(),
            epoch: None,
            own_writes: OwnWrites::default(),
            write_id: WriteId::from_bits(0),
            request: None,
            attempts: 0,
            reading: Some(Source::Hint),
            uncertain: None,
            is_misplaced: false,
            failures: 0,
            retry_at: Moment::default(),
            silent_at: Moment::default(),
            failed_warm_ups: 0,
            handled_at: Moment::default(),
            wall: None,
            is_wall_off: false,
            actions: VecDeque::new(),
        }
    }

    /// The status of this candidate at `now`. A candidate that lost its lease while draining is a follower of the new
    /// leader.
    #[must_use]
    pub fn status(&self, now: Moment) -> Status {
        match &self.state {
            State::Following { .. } => Status::Follower {
                leader: self.leader(now),
            },
            State::Leading(leading) => match leading.phase {
                Phase::Warming => Status::Warming,
                Phase::Open => Status::Leader {
                    token: leading.token.into(),
                },
                Phase::Draining { .. } => Status::Draining,
            },
            State::Clearing { .. } | State::Releasing { .. } => match self.leader(now) {
                None => Status::Draining,
                leader => Status::Follower { leader },
            },
            State::Stopped => Status::Stopped,
        }
    }

    /// Whether it is stepping down or shutting down, and still waits for requests or for the release.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        match &self.state {
            State::Leading(leading) => matches!(leading.phase, Phase::Draining { .. }),
            State::Clearing { .. } | State::Releasing { .. } => true,
            State::Following { .. } | State::Stopped => false,
        }
    }

    /// Whether it has shut down.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// The token of the term that this candidate holds.
    #[must_use]
    pub fn token(&self) -> Option<u64> {
        self.state.leading().map(|l| l.token)
    }

    /// The deadline of the term that this candidate holds.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.state.leading().map(|l| l.deadline)
    }

    /// The highest fencing token that this candidate knows of. Its next token is larger.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.view.floor()
    }

    /// The other candidate that holds an unexpired lease at `now`, as far as this candidate knows.
    #[must_use]
    pub fn leader(&self, now: Moment) -> Option<LeaderInfo> {
        let (record, until) = self.foreign_record()?;
        // A record of a later version does not say who holds it.
        let id = record.holder.clone().filter(|_| now < until)?;
        let token = record.token_at(self.view.revision());
        Some(LeaderInfo::new(id, record.address.clone(), token.into()))
    }

    /// Goes on as an observer after a shutdown: it follows the leader, and does not campaign. [`stop`](Self::stop) ends
    /// this.
    pub fn observe(&mut self, now: Moment) {
        if self.is_stopped() {
            self.me.observer = true;
            self.state = State::Following { from: now };
        }
    }

    /// Stops an observer, which has nothing to release.
    pub fn stop(&mut self) {
        if self.me.observer {
            self.state = State::Stopped;
        }
    }

    /// Returns the next action to perform.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Handles an input that was received at `readings`.
    pub fn handle(&mut self, readings: Readings, input: Input) {
        let now = readings.now;
        debug_assert!(now >= self.handled_at, "the clock is monotonic");
        self.handled_at = now;
        self.write_id = readings.write_id;
        self.note_wall(readings.wall);
        // First, so that an input after the deadline cannot extend the term.
        self.handle_deadline(now);
        match input {
            Input::Tick => {}
            Input::Watching { epoch } => self.handle_watching(now, epoch),
            Input::Pushed(seen) => self.handle_seen(now, seen, Source::Hint),
            Input::Read { attempt, seen } => self.handle_read(now, attempt, seen),
            Input::Written { attempt, outcome } => {
                if let Some(request) = self.request.take_if(|r| r.attempt == attempt) {
                    self.handle_written(now, request, outcome);
                }
            }
            Input::Warmed { token, ready } => self.handle_warmed(now, token, ready),
            Input::Drained { token } => self.handle_drained(now, token),
            Input::Expired { token } => {
                if self.token() == Some(token) {
                    self.lose(now, Ended::Expired);
                }
            }
            Input::StepDown => self.handle_stop(now, Then::CoolDown),
            Input::Shutdown => self.handle_stop(now, Then::Stop),
        }
        self.advance(now);
    }

    fn note_wall(&mut self, shown: Option<WallTime>) {
        self.wall = shown.filter(|shown| shown.is_plausible());
        let off = shown.filter(|shown| !shown.is_plausible());
        let was_off = std::mem::replace(&mut self.is_wall_off, off.is_some());
        if let Some(shown) = off.filter(|_| !was_off && !self.me.observer) {
            self.notice(Notice::WallClockOff { shown });
        }
    }

    fn handle_deadline(&mut self, now: Moment) {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.lose(now, Ended::Expired);
        }
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notice(notice));
    }

    pub(super) fn with_rules<T>(&mut self, f: impl FnOnce(&mut View, &mut Rules<'_>) -> T) -> T {
        let mut notices = Vec::new();
        let mut rules = Rules {
            timing: &self.me.timing,
            session: &self.me.session,
            own_writes: &self.own_writes,
            trust_absent_key: self.me.trust_absent_key,
            lossy_store: self.me.lossy_store,
            rng: &mut self.rng,
            notices: &mut notices,
        };
        let result = f(&mut self.view, &mut rules);
        self.actions.extend(notices.into_iter().map(Action::Notice));
        result
    }

    /// The record of another candidate in the key, and the end of its lease.
    pub(super) fn foreign_record(&self) -> Option<(&Record, Moment)> {
        let sighting = self.view.sighting()?;
        match &sighting.content {
            Content::Held(record) if !sighting.is_own => {
                let until = self
                    .me
                    .timing
                    .held_until(sighting.first_seen, record.lease());
                Some((record, until))
            }
            _ => None,
        }
    }
}

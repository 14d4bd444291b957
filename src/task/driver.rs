use std::{
    error::Error,
    future::{Future, pending},
    mem,
    sync::Arc,
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    error::StopReason,
    held_lease::HeldLease,
    journal::Journal,
    leaving::Leaving,
    preparing::Preparing,
    request::{Answer, Request},
    shared::{End, Publisher, Shared},
    term::Term,
    warm_up::{WarmUp, Warming},
    watcher::Watcher,
};
use crate::{
    clock::Moment,
    error,
    lease::{Action, Ended, Input, Machine, Notice, Readings, Settled, Status, WriteId},
    runtime::Runtime,
    store::{LeaseStore, StoreError},
};

/// A request of a handle to its task.
#[derive(Debug)]
pub(super) enum Command {
    StepDown(oneshot::Sender<Settled>),
    Shutdown(oneshot::Sender<Settled>),
}

/// The background task: feeds inputs to the protocol, and performs its actions.
pub(super) struct Driver<S> {
    pub(super) machine: Machine,
    pub(super) store: Arc<S>,
    pub(super) shared: Arc<Shared>,
    pub(super) publisher: Publisher,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) watcher: Watcher,
    pub(super) warm_up: Option<WarmUp>,
    pub(super) journal: Box<dyn Journal>,
    /// The input that the actions of this turn ask to feed next.
    pub(super) follow: Option<Input>,
    pub(super) request: Option<Request>,
    pub(super) warming: Option<Warming>,
    /// One token for each warm-up that has not ended, also for those that were cancelled with their term.
    pub(super) warm_ups: Vec<CancellationToken>,
    pub(super) leaving: Option<Leaving>,
    pub(super) waiting: Vec<oneshot::Sender<Settled>>,
    /// Answers to send once the status is published.
    pub(super) settled: Vec<(oneshot::Sender<Settled>, Settled)>,
    /// Until when the task goes on following after it has left the election, for the requests that it holds.
    pub(super) follow_until: Option<Moment>,
    /// The last handle was dropped.
    pub(super) abandoned: bool,
    /// A shutdown was requested, or the store is closed.
    pub(super) stopping: bool,
    /// The preparation of the store, until it has succeeded.
    pub(super) preparing: Option<Preparing>,
    /// The store was closed before a shutdown began.
    pub(super) closed: bool,
}

impl<S: LeaseStore> Driver<S> {
    pub(super) async fn run(mut self) {
        let spawner = self.shared.runtime.spawner.clone();
        let first = self.prepared().await;
        self.feed(first);
        loop {
            spawner.step().await;
            if self.step() {
                continue;
            }
            if self.machine.is_stopped() || self.has_nothing_left() {
                return;
            }
            let input = self.next_input().await;
            self.feed(input);
        }
    }

    /// Whether only the release is left to do, and the store is closed.
    fn has_nothing_left(&self) -> bool {
        let is_releasing = self.machine.is_leaving() && self.leaving.is_none();
        let is_over = self.closed && self.stopping && is_releasing;
        if is_over {
            let _ = self.shared.ended.set(End {
                reason: StopReason::ClientClosed,
                settled: Settled::LeftToExpire,
            });
        }
        is_over
    }

    /// Waits for the next input.
    ///
    /// The order decides between inputs that are ready at once. No input starves another: each comes at most once for
    /// each time that the protocol asks for it, except for those of the two last branches, which others cause.
    async fn next_input(&mut self) -> Input {
        if self.closed && !self.stopping {
            return self.shutdown(None);
        }
        let wake = self.wake();
        let clock = self.shared.clock().clone();
        tokio::select! {
            biased;
            answer = maybe(self.request.as_mut().map(Request::answered)) => self.answered(answer),
            (token, ready) = maybe(self.warming.as_mut().map(Warming::finished)) => {
                self.warming = None;
                Input::Warmed { token, ready }
            }
            token = maybe(self.leaving.as_mut().map(Leaving::finished)) => {
                self.leaving = None;
                Input::Drained { token }
            }
            () = clock.sleep_until(wake) => Input::Tick,
            // A task that is about to end leaves its commands in the queue. Their senders learn of the end.
            command = self.commands.recv(), if !self.abandoned && self.follow_until.is_none() => match command {
                Some(Command::StepDown(answer)) => {
                    self.waiting.push(answer);
                    Input::StepDown
                }
                Some(Command::Shutdown(answer)) => self.shutdown(Some(answer)),
                None => {
                    self.abandoned = true;
                    self.shutdown(None)
                }
            },
            () = self.shared.holding.emptied(), if self.follow_until.is_some() => Input::Tick,
            input = self.watcher.next(), if !self.closed => match input {
                Some(input) => input,
                None => {
                    self.give_up();
                    Input::Tick
                }
            },
        }
    }

    /// The latest time of the next turn of the loop. The machine may have nothing to do for longer than a lease, for
    /// example as the follower of a leader with a longer lease. The task still wakes once per lease, so that liveness
    /// can detect a stuck task.
    fn wake(&self) -> Moment {
        let latest = self.now() + self.shared.lease();
        let due = self.machine.poll_timeout();
        [due, self.follow_until]
            .into_iter()
            .flatten()
            .fold(latest, Moment::min)
    }

    fn now(&self) -> Moment {
        self.shared.clock().now()
    }

    pub(super) fn answered(&mut self, answer: Answer) -> Input {
        self.request = None;
        self.watcher.compare(answer.revision, self.now());
        match answer.error.as_deref() {
            Some(error) if is_closed(error) => self.give_up(),
            error => self.journal.answered(error),
        }
        answer.input
    }

    /// The store is closed. A shutdown follows, unless one has begun.
    pub(super) fn give_up(&mut self) {
        if !self.stopping && !mem::replace(&mut self.closed, true) {
            self.journal.closed();
        }
    }

    /// Feeds an input that was received now, and performs the resulting actions.
    #[cfg(all(test, noleader_loom))]
    pub(super) fn handle(&mut self, input: Input) {
        self.feed(input);
        while self.step() {}
    }

    /// Feeds an input that was received now. The resulting [steps](Self::step) follow.
    fn feed(&mut self, input: Input) {
        let Runtime { clock, random, .. } = &self.shared.runtime;
        let now = clock.now();
        let readings = Readings {
            now,
            wall: clock.wall(),
            write_id: WriteId::from_bits(random.bits()),
        };
        self.journal.received(readings, &input);
        self.machine.handle(readings, input);
    }

    /// Takes the next step of a turn: performs an action, feeds the input that follows from the actions, or else
    /// publishes the result. Returns false if the turn is complete.
    ///
    /// The task, or its whole process, may be paused for any time between two steps.
    fn step(&mut self) -> bool {
        if let Some(action) = self.machine.poll_action() {
            self.follow = self.perform(&action).or(self.follow.take());
            return true;
        }
        if let Some(input) = self.follow.take() {
            self.feed(input);
            return true;
        }
        let now = self.now();
        self.shared.pulse.beat(now);
        if self.machine.is_stopped() || self.follow_until.is_some() {
            self.leave(now);
        }
        self.publish(now);
        if self.follow_until.is_none() {
            for (waiting, settled) in mem::take(&mut self.settled) {
                // The receiver may have been dropped.
                let _ = waiting.send(settled);
            }
        }
        self.journal.turned(now, &self.machine);
        false
    }

    /// Leaves the election. While this node holds requests, it goes on following until it knows the next leader, for one
    /// lease at most: the requests are for that leader, of which they cannot learn once the task has ended.
    fn leave(&mut self, now: Moment) {
        let leader = self.machine.leader(now);
        let is_early = self.follow_until.is_none_or(|until| now < until);
        let may_learn = self.preparing.is_none() && !self.closed;
        if leader.is_none() && is_early && may_learn && !self.shared.holding.is_empty() {
            self.follow_until.get_or_insert(now + self.shared.lease());
            self.machine.observe(now);
        } else {
            self.machine.stop();
            self.follow_until = None;
            if let Some(leader) = leader {
                let _ = self.shared.successor.set(leader);
            }
        }
    }

    /// Performs an action, and returns the input that follows from it.
    fn perform(&mut self, action: &Action) -> Option<Input> {
        let token = self.token();
        let mut follow = None;
        match action {
            Action::Read { attempt } => {
                let store = self.store.clone();
                self.send(Request::read(store, self.now(), *attempt));
            }
            Action::Write {
                attempt,
                expected,
                record,
            } => {
                let store = self.store.clone();
                let clock = self.shared.clock().clone();
                // Absent only if the machine has abandoned the write since.
                let send_by = self.machine.answer_due().unwrap_or_default();
                let write = (*attempt, *expected, record.encode());
                self.send(Request::write(store, (clock, send_by), write));
            }
            Action::Begin { token, deadline } => {
                let clock = self.shared.clock().clone();
                let lease = HeldLease::new(*deadline, clock);
                let term = Term::new((*token).into(), lease);
                self.shared.gate.begin(term);
                self.shared.pulse.confirm(self.now());
            }
            Action::WarmUp => self.start_warm_up(),
            Action::Open => self.shared.gate.open(),
            Action::Extend { deadline } => {
                self.shared.pulse.confirm(self.now());
                if !self.shared.gate.extend(*deadline) {
                    // A reader came after the old deadline and observed the end of the term.
                    return token.map(|token| Input::Expired { token });
                }
            }
            Action::Close => follow = self.close(token),
            Action::End { why } => self.end(*why),
            Action::Settled(settled) => self.settle(*settled),
            Action::Notice(Notice::DataLost { .. }) => self.watcher.reopen(),
            // It was for a bucket that is gone.
            Action::Notice(Notice::Recreated) => self.request = None,
            Action::Notice(_) => {}
        }
        self.journal.performed(token, action);
        follow
    }

    fn send(&mut self, request: Request) {
        if let Some(unanswered) = self.request.replace(request) {
            // The machine sends another request only once this one has timed out.
            let error = unanswered.abandon(&*self.store, self.now());
            self.journal.unanswered(&error);
        }
    }

    fn start_warm_up(&mut self) {
        let earlier = self.warm_ups();
        if let Some((warm_up, term)) = self.warm_up.as_ref().zip(self.shared.gate.begun()) {
            let begun = (term.token().into(), term);
            let warming = warm_up.start(&self.shared.runtime.spawner, begun, earlier);
            self.warm_ups.push(warming.ended());
            self.warming = Some(warming);
        }
    }

    fn close(&mut self, token: Option<u64>) -> Option<Input> {
        self.warming = None;
        let leaving = Leaving::new(token, self.warm_ups(), self.shared.gate.shut());
        if leaving.is_finished() {
            let token = leaving.token();
            return Some(Input::Drained { token });
        }
        self.leaving = Some(leaving);
        None
    }

    /// The fencing token of the term that has begun.
    fn token(&self) -> Option<u64> {
        let term = self.shared.gate.begun();
        term.map(|term| term.token().into())
    }

    fn warm_ups(&mut self) -> Vec<CancellationToken> {
        self.warm_ups.retain(|ended| !ended.is_cancelled());
        self.warm_ups.clone()
    }

    fn end(&mut self, why: Ended) {
        self.warming = None;
        if why == Ended::Released {
            self.stop_draining();
        }
        self.leaving = None;
        self.shared.gate.end();
    }

    /// Stops waiting for admitted work.
    fn stop_draining(&mut self) {
        if self
            .leaving
            .take()
            .is_some_and(|leaving| !leaving.is_finished())
        {
            self.journal.drain_timed_out(self.shared.gate.draining());
        }
    }

    fn settle(&mut self, settled: Settled) {
        if self.machine.is_stopped() {
            let reason = match self.closed {
                true => StopReason::ClientClosed,
                false => StopReason::Shutdown,
            };
            let _ = self.shared.ended.set(End { reason, settled });
        }
        self.stop_draining();
        let waiting = mem::take(&mut self.waiting).into_iter();
        self.settled
            .extend(waiting.map(|waiting| (waiting, settled)));
    }

    fn publish(&mut self, now: Moment) {
        let status = self.machine.status(now);
        let follows = match &status {
            Status::Follower { leader } => Some(leader.clone()),
            _ => None,
        };
        if self.publisher.publish(status)
            && let Some(leader) = follows
        {
            self.journal.follows(leader.as_ref());
        }
    }
}

impl<S> Driver<S> {
    /// Whether the task was asked to stop. The request may still be in the queue.
    fn was_to_stop(&mut self) -> bool {
        while let Ok(command) = self.commands.try_recv() {
            self.stopping |= matches!(command, Command::Shutdown(_));
        }
        self.stopping || self.commands.is_closed()
    }
}

/// Closes the gate and wakes every waiter, also if the task panics or its runtime ends.
impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        self.shared.gate.end();
        let died = self.shared.ended.set(End {
            reason: StopReason::TaskEnded,
            // It released nothing.
            settled: Settled::LeftToExpire,
        });
        self.publisher.publish(Status::Stopped);
        if died.is_ok() {
            let was_to_stop = self.was_to_stop();
            self.journal.died(was_to_stop);
        }
    }
}

fn is_closed(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    matches!(error::find(error), Some(StoreError::Closed))
}

/// Waits for the future, or forever if there is none.
async fn maybe<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;
    use crate::{
        clock::FakeClock,
        store::Memory,
        task::{handle::LeaderHandle, start::Start},
    };

    fn driver(clock: &FakeClock) -> (Driver<Memory>, LeaderHandle) {
        Start::for_tests(clock).into_parts()
    }

    /// The channel may keep a command that is sent while its receiver is being dropped.
    #[tokio::test]
    async fn a_command_left_queued_is_answered() {
        let (driver, handle) = driver(&FakeClock::new());
        let stopping = tokio::spawn(async move { (handle.shutdown().await, handle) });
        while driver.commands.is_empty() {
            tokio::task::yield_now().await;
        }
        let end = End {
            reason: StopReason::Shutdown,
            settled: Settled::Released,
        };
        driver.shared.ended.set(end).unwrap();
        driver.publisher.publish(Status::Stopped);
        let stopped = tokio::time::timeout(Duration::from_secs(20), stopping);
        let (stopped, _handle) = stopped.await.unwrap().unwrap();
        assert_eq!(stopped, Ok(()));
        assert_eq!(driver.commands.len(), 1);
    }

    #[tokio::test]
    async fn a_stop_without_requests_drains_at_once() {
        let (mut driver, _handle) = driver(&FakeClock::new());
        let follows = driver.perform(&Action::Close);
        assert_eq!(follows, Some(Input::Drained { token: 0 }));
        assert!(driver.leaving.is_none());
    }

    /// Counts the drains that timed out.
    struct TimedOut(Arc<AtomicUsize>);

    impl Journal for TimedOut {
        fn drain_timed_out(&mut self, requests: usize) {
            assert_eq!(requests, 1);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// On other threads, work may finish after the task has last looked.
    #[tokio::test]
    async fn finished_work_does_not_time_out() {
        for is_finished in [true, false] {
            let clock = FakeClock::new();
            let (mut driver, _handle) = driver(&clock);
            let timed_out = Arc::default();
            driver.journal = Box::new(TimedOut(Arc::clone(&timed_out)));
            let deadline = clock.now() + Duration::from_secs(1);
            driver.perform(&Action::Begin { token: 7, deadline });
            driver.perform(&Action::Open);
            let admission = driver.shared.gate.admit(Duration::ZERO).unwrap();
            assert_eq!(driver.perform(&Action::Close), None);
            let kept = (!is_finished).then_some(admission);
            let why = Ended::Released;
            driver.perform(&Action::End { why });
            let expected = usize::from(!is_finished);
            assert_eq!(timed_out.load(Ordering::Relaxed), expected);
            drop(kept);
        }
    }

    /// Fails at a request that is said to have no response.
    struct Answered;

    impl Journal for Answered {
        fn unanswered(&mut self, error: &(dyn Error + Send + Sync + 'static)) {
            panic!("{error}");
        }
    }

    #[tokio::test]
    async fn a_request_to_a_recreated_bucket_is_not_unanswered() {
        let (mut driver, _handle) = driver(&FakeClock::new());
        driver.journal = Box::new(Answered);
        driver.perform(&Action::Read { attempt: 1 });
        driver.perform(&Action::Notice(Notice::Recreated));
        driver.perform(&Action::Read { attempt: 2 });
        assert!(driver.request.is_some());
    }

    #[tokio::test]
    async fn a_late_renewal_ends_an_expired_term() {
        let clock = FakeClock::new();
        let (mut driver, _handle) = driver(&clock);
        let deadline = clock.now() + Duration::from_secs(1);
        driver.perform(&Action::Begin { token: 7, deadline });
        // Acknowledged in time and published late, with a read of the gate in between.
        clock.advance_silently(Duration::from_secs(1));
        assert!(driver.shared.gate.held().is_none());
        let deadline = clock.now() + Duration::from_secs(1);
        let follows = driver.perform(&Action::Extend { deadline });
        assert_eq!(follows, Some(Input::Expired { token: 7 }));
        assert!(driver.shared.gate.held().is_none());
    }
}

use std::{
    future::{Future, pending},
    mem,
    sync::{Arc, atomic::Ordering},
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    LeaderInfo, Shared, Status, Term,
    journal::Journal,
    leaving::Leaving,
    request::{Answer, Request},
    warm_up::{WarmUp, Warming},
    watcher::Watcher,
};
use crate::{
    clock::Moment,
    lease::{Action, Ended, Input, Machine, Notice, Role, Settled},
    store::LeaseStore,
};

/// What a handle asks of its task.
#[derive(Debug)]
pub(super) enum Command {
    StepDown(oneshot::Sender<Settled>),
    Shutdown(oneshot::Sender<Settled>),
}

/// The background task: it feeds the protocol with what happens, and does what the protocol says.
pub(super) struct Driver<S> {
    pub(super) machine: Machine,
    pub(super) store: Arc<S>,
    pub(super) shared: Arc<Shared>,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) watcher: Watcher,
    pub(super) warm_up: Option<WarmUp>,
    pub(super) journal: Journal,
    pub(super) request: Option<Request>,
    pub(super) term: Option<Term>,
    pub(super) warming: Option<Warming>,
    /// The ends of the warm-ups that have not ended, also of those that were cancelled with their term.
    pub(super) warm_ups: Vec<CancellationToken>,
    pub(super) leaving: Option<Leaving>,
    pub(super) waiting: Vec<oneshot::Sender<Settled>>,
    /// Those who are told once it is published.
    pub(super) settled: Vec<(oneshot::Sender<Settled>, Settled)>,
    /// The last handle was dropped.
    pub(super) abandoned: bool,
    /// Somebody asked for a shutdown.
    pub(super) stopping: bool,
}

impl<S: LeaseStore> Driver<S> {
    pub(super) async fn run(mut self) {
        self.handle(Input::Tick);
        while self.machine.role() != Role::Stopped {
            let input = self.next_input().await;
            self.handle(input);
        }
    }

    async fn next_input(&mut self) -> Input {
        let wake = self.wake();
        let clock = self.shared.clock.clone();
        tokio::select! {
            command = self.commands.recv(), if !self.abandoned => match command {
                Some(Command::StepDown(answer)) => {
                    self.waiting.push(answer);
                    Input::StepDown
                }
                Some(Command::Shutdown(answer)) => {
                    self.waiting.push(answer);
                    self.stopping = true;
                    Input::Shutdown
                }
                None => {
                    self.abandoned = true;
                    Input::Shutdown
                }
            },
            answer = maybe(self.request.as_mut().map(Request::answered)) => self.answered(answer),
            seen = self.watcher.next() => {
                self.journal.pushed();
                Input::Pushed(seen)
            }
            (token, ready) = maybe(self.warming.as_mut().map(Warming::finished)) => {
                self.warming = None;
                Input::Warmed { token, ready }
            }
            token = maybe(self.leaving.as_mut().map(Leaving::finished)) => {
                self.leaving = None;
                Input::Drained { token }
            }
            () = clock.sleep_until(wake) => Input::Tick,
        }
    }

    /// When to go round again, whatever happens: once in a lease, so that a task that is alive can be told
    /// from one that is stuck. The machine may have nothing to do for longer, as the follower of a leader
    /// with a longer lease.
    fn wake(&self) -> Moment {
        let latest = self.shared.clock.now() + self.shared.lease;
        let due = self.machine.poll_timeout();
        due.map_or(latest, |due| due.min(latest))
    }

    pub(super) fn answered(&mut self, answer: Answer) -> Input {
        self.request = None;
        self.watcher
            .compare(answer.revision, self.shared.clock.now());
        self.journal.answered(answer.error.as_deref());
        answer.input
    }

    /// Feeds one input, received now, and does what follows from it.
    pub(super) fn handle(&mut self, input: Input) {
        let mut input = Some(input);
        while let Some(next) = input.take() {
            self.machine.handle(self.shared.clock.now(), next);
            while let Some(action) = self.machine.poll_action() {
                input = self.perform(action).or(input);
            }
        }
        let now = self.shared.clock.now();
        self.shared.pulse.beat(now);
        self.publish(now);
        for (waiting, settled) in mem::take(&mut self.settled) {
            // Whoever asked may have lost interest.
            let _ = waiting.send(settled);
        }
    }

    fn perform(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Read { attempt } => {
                let now = self.shared.clock.now();
                self.send(Request::read(self.store.clone(), now, attempt));
            }
            Action::Write {
                attempt,
                expected,
                record,
            } => {
                let (store, now) = (self.store.clone(), self.shared.clock.now());
                self.send(Request::write(
                    store,
                    now,
                    attempt,
                    expected,
                    record.encode(),
                ));
            }
            Action::Begin { token, deadline } => {
                let term = Term::new(token, deadline, self.shared.clock.clone());
                self.shared.token.store(token, Ordering::Relaxed);
                self.shared.held.store(Some(Arc::new(term.clone())));
                self.shared.pulse.confirm(self.shared.clock.now());
                self.journal.began(token);
                self.term = Some(term);
            }
            Action::WarmUp => {
                let earlier = self.warm_ups();
                let (warm_up, term) = self.warm_up.as_ref().zip(self.term.clone())?;
                let warming = warm_up.start(term, earlier);
                self.warm_ups.push(warming.ended());
                self.warming = Some(warming);
            }
            Action::Open => {
                let (term, deadline) = self.term.as_ref().zip(self.machine.deadline())?;
                self.shared.gate.open(term.clone(), deadline);
                self.journal.opened(term.token());
            }
            Action::Extend { deadline } => {
                let term = self.term.as_ref()?;
                self.shared.pulse.confirm(self.shared.clock.now());
                self.journal.renewed();
                if !self.shared.gate.extend(term, deadline) {
                    // Somebody looked after the old deadline, and saw the term's end.
                    return Some(Input::Expired {
                        token: term.token(),
                    });
                }
            }
            Action::Close => return self.close(),
            Action::End { why } => self.end(why),
            Action::Settled(settled) => self.settle(settled),
            Action::Notice(notice) => {
                if let Notice::DataLost { .. } = notice {
                    self.watcher.reopen();
                }
                self.journal.notice(&notice);
            }
        }
        None
    }

    fn send(&mut self, request: Request) {
        if let Some(unanswered) = self.request.replace(request) {
            // The machine has waited for its answer long enough.
            let now = self.shared.clock.now();
            self.journal.failed(&unanswered.give_up(&*self.store, now));
        }
    }

    fn close(&mut self) -> Option<Input> {
        let token = self.term.as_ref().map(Term::token);
        self.warming = None;
        let leaving = Leaving::new(token, self.warm_ups(), self.shared.gate.shut());
        self.journal.closed(token);
        if leaving.is_finished() {
            let token = leaving.token();
            return Some(Input::Drained { token });
        }
        self.leaving = Some(leaving);
        None
    }

    fn warm_ups(&mut self) -> Vec<CancellationToken> {
        self.warm_ups.retain(|ended| !ended.is_cancelled());
        self.warm_ups.clone()
    }

    fn end(&mut self, why: Ended) {
        self.shared.gate.shut();
        self.warming = None;
        if why == Ended::Released {
            self.leave_behind();
        }
        self.leaving = None;
        if let Some(term) = self.term.take() {
            term.end();
            self.journal.ended(term.token(), why);
        }
    }

    /// Gives up waiting for what was admitted.
    fn leave_behind(&mut self) {
        if self
            .leaving
            .take()
            .is_some_and(|leaving| !leaving.is_finished())
        {
            self.journal.left_behind(self.shared.gate.draining());
        }
    }

    fn settle(&mut self, settled: Settled) {
        if self.machine.role() == Role::Stopped {
            let _ = self.shared.ended.set(Some(settled));
        }
        self.leave_behind();
        self.journal.settled(settled);
        let told = mem::take(&mut self.waiting).into_iter();
        self.settled.extend(told.map(|waiting| (waiting, settled)));
    }

    fn publish(&self, now: Moment) {
        let changed = self.shared.publish(match self.machine.role() {
            Role::Following => Status::Follower {
                leader: self.machine.holder(now).map(LeaderInfo::from),
            },
            Role::Warming => Status::Warming,
            Role::Leading => Status::Leader,
            // One that was overtaken goes on to name the leader.
            Role::Draining => match self.machine.holder(now) {
                Some(leader) => Status::Follower {
                    leader: Some(leader.into()),
                },
                None => Status::Draining,
            },
            Role::Stopped => Status::Stopped,
        });
        if changed {
            // Whoever collects log lines may ask for the status.
            let status = self.shared.status.borrow().clone();
            if let Status::Follower { leader } = status {
                self.journal
                    .follows(leader.as_ref(), self.shared.address.as_deref());
            }
        }
    }
}

impl<S> Driver<S> {
    /// Whether it was to end, also where that was not heard yet.
    fn was_to_stop(&mut self) -> bool {
        while let Ok(command) = self.commands.try_recv() {
            self.stopping |= matches!(command, Command::Shutdown(_));
        }
        self.stopping || self.commands.is_closed()
    }
}

/// However the task ends, also by a panic or with its runtime: the gate shuts, and every waiter wakes.
impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        self.shared.gate.shut();
        if let Some(term) = self.term.take() {
            term.end();
        }
        let died = self.machine.role() != Role::Stopped;
        if died {
            let _ = self.shared.ended.set(None);
        }
        self.shared.publish(Status::Stopped);
        if died {
            let was_to_stop = self.was_to_stop();
            self.journal.died(was_to_stop);
        }
    }
}

/// Waits for what is there, or for ever.
async fn maybe<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{clock::FakeClock, config::Config, store::Memory, task, task::LeaderHandle};

    fn driver(clock: &FakeClock) -> (Driver<Memory>, LeaderHandle) {
        let config = Config::new("orders".to_owned(), "writer".to_owned());
        let Ok(timing) = config.check() else {
            panic!("the defaults agree with each other");
        };
        task::candidate(config, timing, Memory::new(), clock.clone().into(), None)
    }

    /// The channel may keep what was sent while its receiver was dropped, as if that were there.
    #[tokio::test]
    async fn a_command_that_is_left_in_the_queue_is_answered_with_the_end_of_the_task() {
        let (driver, handle) = driver(&FakeClock::new());
        let stopping = tokio::spawn(async move { (handle.shutdown().await, handle) });
        while driver.commands.is_empty() {
            tokio::task::yield_now().await;
        }
        driver.shared.ended.set(Some(Settled::Released)).unwrap();
        driver.shared.publish(Status::Stopped);
        let stopped = tokio::time::timeout(Duration::from_secs(20), stopping);
        let (stopped, _handle) = stopped.await.unwrap().unwrap();
        assert_eq!(stopped, Ok(()));
        assert_eq!(driver.commands.len(), 1);
    }

    #[tokio::test]
    async fn a_stop_with_nobody_inside_does_not_wait_for_a_turn() {
        let (mut driver, _handle) = driver(&FakeClock::new());
        let follows = driver.perform(Action::Close);
        assert_eq!(follows, Some(Input::Drained { token: 0 }));
        assert!(driver.leaving.is_none());
    }

    #[tokio::test]
    async fn a_renewal_of_a_term_that_somebody_saw_end_ends_it() {
        let clock = FakeClock::new();
        let (mut driver, _handle) = driver(&clock);
        let deadline = clock.now() + Duration::from_secs(1);
        driver.perform(Action::Begin { token: 7, deadline });
        // Acknowledged in time, published late, and looked at in between.
        clock.advance_silently(Duration::from_secs(1));
        assert!(!driver.term.as_ref().unwrap().is_current());
        let deadline = clock.now() + Duration::from_secs(1);
        let follows = driver.perform(Action::Extend { deadline });
        assert_eq!(follows, Some(Input::Expired { token: 7 }));
        assert!(!driver.term.as_ref().unwrap().is_current());
    }
}

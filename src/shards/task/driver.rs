use std::{
    collections::{BTreeSet, VecDeque},
    mem,
    sync::Arc,
};

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};

use super::{
    journal::Journal,
    placing::Placing,
    preparation::Preparation,
    publishing::Publishing,
    requests::Requests,
    terms::Terms,
    wants::Wants,
    watches::{Event, Watches},
};
use crate::{
    clock::Moment,
    error::survive,
    lease::{Readings, Settled, WriteId},
    runtime::Runtime,
    shards::{
        protocol::{Input, Machine, SessionId},
        shard::Shard,
        shared::Shared,
        status::ShardsStatus,
    },
    store::{ShardStore, StoreError},
    task::{HeldLease, WarmUp},
};

/// A request of a handle to the task: to shut down.
pub(crate) type Shutdown = oneshot::Sender<Settled>;

/// The background task: feeds inputs to the protocol, and performs its actions.
pub(crate) struct Driver<S> {
    pub(super) machine: Machine,
    pub(super) shared: Arc<Shared>,
    pub(super) commands: mpsc::UnboundedReceiver<Shutdown>,
    pub(super) requests: Requests<S>,
    pub(super) watches: Watches<S>,
    /// The last input was the response to a request.
    pub(super) has_answered: bool,
    pub(super) terms: Terms,
    pub(super) wants: Wants,
    pub(super) warm_up: Option<WarmUp<Shard>>,
    pub(super) journal: Box<dyn Journal>,
    pub(super) preparation: Preparation,
    /// The session that this node holds, and its lease, on which the terms of all shards rest.
    pub(super) session: Option<(SessionId, HeldLease)>,
    /// The shards whose requests have to finish before they are freed, or before the node leaves.
    pub(super) draining: BTreeSet<u32>,
    pub(super) publishing: Publishing,
    pub(super) placing: Placing,
    /// The inputs that the actions of this turn ask to feed next.
    pub(super) follow: VecDeque<Input>,
    /// A shutdown was requested, the last handle was dropped, or the store is closed.
    pub(super) is_leaving: bool,
    /// The shutdowns that wait for the end.
    pub(super) waiting: Vec<Shutdown>,
    /// The store is closed.
    pub(super) closed: bool,
    /// Once the node has left: how, and until when the task goes on following for the requests that it holds.
    pub(super) settled: Option<(Settled, Moment)>,
}

impl<S: ShardStore> Driver<S> {
    pub(super) async fn run(mut self) {
        let spawner = self.shared.runtime.spawner.clone();
        let first = self.prepared().await;
        self.follow.extend(self.wants.news());
        self.feed(first);
        loop {
            spawner.step().await;
            if self.step() {
                continue;
            }
            if self.shared.ended.get().is_some() {
                return;
            }
            let input = self.next_input().await;
            self.feed(input);
        }
    }

    /// Prepares the store, and returns the first input of the protocol, which does not act before that.
    async fn prepared(&mut self) -> Input {
        let clock = self.shared.clock().clone();
        while self.preparation.is_running() {
            let now = clock.now();
            self.shared.pulse.beat(now);
            tokio::select! {
                biased;
                attempted = self.preparation.attempted() => match attempted {
                    Ok(()) => self.tell(Journal::prepared),
                    Err(StoreError::Closed) => return self.handle_closed(),
                    Err(error) => self.tell(|journal| journal.waits(&error)),
                },
                command = self.commands.recv() => return self.handle_command(command),
                () = clock.sleep_until(now + self.shared.timing.lease) => {}
            }
        }
        Input::Tick
    }

    /// Waits for the next input.
    ///
    /// The order decides between inputs that are ready at once. Requests come first, since the renewal of the session is
    /// one, and the watch last: it can be ready for long while it delivers a whole bucket. But each response is followed
    /// by what the watch has, because a renewal counts only once it is delivered. Timeouts are handled with each input.
    async fn next_input(&mut self) -> Input {
        if mem::take(&mut self.has_answered)
            && let Some(Some(event)) = self.watches.next().now_or_never()
        {
            return self.watched(event);
        }
        let wake = self.wake();
        let clock = self.shared.clock().clone();
        let takes_commands = self.takes_commands();
        tokio::select! {
            biased;
            Some(answer) = self.requests.answered(), if !self.requests.is_empty() => {
                self.has_answered = true;
                if answer.is_closed() {
                    self.follow_closed();
                } else {
                    self.tell(|journal| journal.answered(answer.error.as_deref()));
                }
                answer.input
            }
            Some(input) = self.terms.ended(), if !self.terms.is_empty() => input,
            attempted = self.preparation.attempted() => {
                match attempted {
                    Ok(()) => {}
                    Err(StoreError::Closed) => self.follow_closed(),
                    Err(error) => self.tell(|journal| journal.waits(&error)),
                }
                Input::Tick
            }
            () = clock.sleep_until(wake) => Input::Tick,
            command = self.commands.recv(), if takes_commands => self.handle_command(command),
            () = self.shared.holding.emptied(), if self.settled.is_some() => Input::Tick,
            () = self.wants.changed() => {
                self.follow.extend(self.wants.news());
                Input::Tick
            }
            Some(event) = self.watches.next(), if !self.watches.is_empty() => {
                self.watched(event)
            }
        }
    }

    fn watched(&mut self, event: Event) -> Input {
        match &event.error {
            // The next request is due only once the session has to be renewed.
            Some(StoreError::Closed) => self.follow_closed(),
            error => self.tell(|journal| journal.watched(&event.input, error.as_ref())),
        }
        event.input
    }

    /// The store was found closed by an input, which the leave follows.
    fn follow_closed(&mut self) {
        let leave = self.handle_closed();
        self.follow.push_back(leave);
    }

    /// Prepares the store again if its configuration is gone or differs, at most once per lease. The watch delivers what
    /// was written.
    fn check_configuration(&mut self, now: Moment) {
        if !self.is_leaving && self.machine.is_unconfigured() {
            let again_at = now + self.shared.timing.lease;
            self.preparation.run_again(now, again_at);
        }
    }

    /// The latest time of the next turn, so that liveness can detect a stuck task.
    fn wake(&self) -> Moment {
        let latest = self.now() + self.shared.timing.lease;
        let due = self.machine.poll_timeout();
        let settled = self.settled.map(|(_, until)| until);
        let advice = self.placing.poll_timeout();
        [due, settled, advice]
            .into_iter()
            .flatten()
            .fold(latest, Moment::min)
    }

    /// Tells the journal. A log subscriber of the application may panic.
    pub(super) fn tell(&mut self, tell: impl FnOnce(&mut dyn Journal)) {
        survive(|| tell(&mut *self.journal));
    }

    pub(super) fn now(&self) -> Moment {
        self.shared.clock().now()
    }

    /// Feeds an input that was received now. The resulting [steps](Self::step) follow.
    fn feed(&mut self, input: Input) {
        let Runtime { clock, random, .. } = &self.shared.runtime;
        let readings = Readings {
            now: clock.now(),
            wall: clock.wall(),
            write_id: WriteId::from_bits(random.bits()),
        };
        if let Input::Drained { shard, .. } = input {
            self.draining.remove(&shard);
        }
        self.tell(|journal| journal.received(readings, &input));
        self.machine.handle(readings, input);
    }

    /// Takes the next step of a turn: performs an action, feeds the input that follows from the actions, or else
    /// publishes the result. Returns false if the turn is complete.
    ///
    /// The task, or its whole process, may be paused for any time between two steps.
    fn step(&mut self) -> bool {
        if let Some(action) = self.machine.poll_action() {
            self.tell(|journal| journal.performs(&action));
            self.perform(action);
            return true;
        }
        if let Some(input) = self.follow.pop_front() {
            self.feed(input);
            return true;
        }
        if self.is_emptied() {
            self.feed(Input::Emptied);
            return true;
        }
        let now = self.now();
        self.publish(now);
        let advice = self.placing.advice(now);
        if let Some(advice) = advice.filter(|_| !self.wants.is_set()) {
            self.feed(advice);
            return true;
        }
        self.shared.pulse.beat(now);
        self.check_configuration(now);
        self.finish(now);
        survive(|| self.journal.turned(now, &self.machine));
        false
    }

    /// Publishes what is known of nodes and shards, to the handles and to the placement.
    fn publish(&mut self, now: Moment) {
        let published = self.publishing.counts();
        if self.machine.poll_changed_members() {
            self.publishing.publish_members(&self.machine);
            self.placing.note_members();
        }
        while let Some(shard) = self.machine.poll_changed_shard() {
            let Some(view) = self.machine.shard(shard) else {
                continue;
            };
            self.publishing.publish_holder(shard, &view);
            self.placing.handle_owner(now, shard, &view);
        }
        let (members, unowned) = self.publishing.counts();
        if (members, unowned) != published {
            self.tell(|journal| journal.published(members, unowned));
        }
        self.placing.handle_members(now, &self.machine);
        self.publishing.publish_status(match &self.session {
            _ if self.is_leaving => ShardsStatus::Leaving,
            Some(_) => ShardsStatus::Member {
                owned: self.machine.owned(),
            },
            None => ShardsStatus::Joining,
        });
    }
}

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    error::Error,
    future::pending,
    mem,
    sync::Arc,
};

use tokio::sync::{mpsc, oneshot};

use super::{
    journal::Journal,
    requests::{Requests, Write},
    terms::Terms,
    wants::Wants,
    watches::Watches,
};
use crate::{
    clock::Moment,
    error::{self, survive},
    lease::{Readings, Settled, WriteId},
    names::{NodeId, ShardId},
    runtime::Runtime,
    shards::{
        member::Member,
        placement::{Advice, Advisor, LiveNode, Owner},
        protocol::{self, Action, Input, Machine, SessionId, Stage},
        shard::Shard,
        shared::{End, Holder, Publisher, Shared},
        status::ShardsStatus,
    },
    store::{ShardStore, StoreError},
    task::{HeldLease, Preparing, StopReason, Term, WarmUp},
};

/// A request of a handle to the task: to shut down.
pub(crate) type Shutdown = oneshot::Sender<Settled>;

/// The background task: feeds inputs to the protocol, and performs its actions.
pub(crate) struct Driver<S> {
    pub(super) machine: Machine,
    pub(super) shared: Arc<Shared>,
    pub(super) publisher: Publisher,
    pub(super) commands: mpsc::UnboundedReceiver<Shutdown>,
    pub(super) requests: Requests<S>,
    pub(super) watches: Watches<S>,
    pub(super) terms: Terms,
    pub(super) wants: Wants,
    pub(super) warm_up: Option<WarmUp<Shard>>,
    pub(super) journal: Box<dyn Journal>,
    /// The preparation of the store, until it has succeeded.
    pub(super) preparing: Option<Preparing>,
    /// Prepares the store again, after the configuration or the whole bucket was removed.
    pub(super) prepare: Box<dyn Fn() -> Preparing + Send>,
    /// When that is due at the earliest.
    pub(super) prepare_at: Moment,
    /// The session that this node holds, and its lease, on which the terms of all shards rest.
    pub(super) session: Option<(SessionId, HeldLease)>,
    /// The shards whose requests have to finish before they are freed, or before the node leaves.
    pub(super) draining: BTreeSet<u32>,
    /// The nodes that take part, each shared by the shards that it leads.
    pub(super) members: BTreeMap<NodeId, Arc<Member>>,
    pub(super) advisor: Advisor,
    /// The placement does not know of a change of the members yet.
    pub(super) has_new_members: bool,
    /// The inputs that the actions of this turn ask to feed next.
    pub(super) follow: VecDeque<Input>,
    pub(super) waiting: Vec<Shutdown>,
    pub(super) state: State,
    /// The store is closed.
    pub(super) closed: bool,
    /// Once the node has left: how, and until when the task goes on following for the requests that it holds.
    pub(super) settled: Option<(Settled, Moment)>,
}

/// How far the task is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    /// A shutdown was requested, the last handle was dropped, or the store is closed.
    Leaving {
        commands_closed: bool,
    },
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
        while let Some(preparing) = &mut self.preparing {
            let now = clock.now();
            self.shared.pulse.beat(now);
            tokio::select! {
                biased;
                attempted = preparing.attempted() => match attempted {
                    Ok(()) => {
                        self.preparing = None;
                        self.tell(Journal::prepared);
                    }
                    Err(StoreError::Closed) => return self.handle_closed(),
                    Err(error) => self.tell(|journal| journal.waits(&error)),
                },
                command = self.commands.recv() => return self.leave(command),
                () = clock.sleep_until(now + self.shared.timing.lease) => {}
            }
        }
        Input::Tick
    }

    /// Waits for the next input.
    ///
    /// The order decides between inputs that are ready at once. Requests come first, since the renewal of the session is
    /// one, and the watch last: it can be ready for long while it delivers a whole bucket. Timeouts are handled with
    /// each input.
    async fn next_input(&mut self) -> Input {
        loop {
            let wake = self.wake();
            let clock = self.shared.clock().clone();
            let takes_commands = self.state
                != State::Leaving {
                    commands_closed: true,
                };
            tokio::select! {
                biased;
                Some(answer) = self.requests.answered(), if !self.requests.is_empty() => {
                    match answer.error.as_deref() {
                        Some(error) if is_closed(error) => {
                            let leave = self.handle_closed();
                            self.follow.push_back(leave);
                        }
                        error => self.tell(|journal| journal.answered(error)),
                    }
                    return answer.input;
                }
                Some(input) = self.terms.ended(), if !self.terms.is_empty() => return input,
                attempted = prepared(self.preparing.as_mut()) => self.prepared_again(attempted),
                () = clock.sleep_until(wake) => return Input::Tick,
                command = self.commands.recv(), if takes_commands => return self.leave(command),
                () = self.shared.holding.emptied(), if self.settled.is_some() => return Input::Tick,
                () = self.wants.changed() => {
                    self.follow.extend(self.wants.news());
                    return Input::Tick;
                }
                Some(event) = self.watches.next(), if !self.watches.is_empty() => {
                    match &event.error {
                        // The next request is due only once the session has to be renewed.
                        Some(StoreError::Closed) => {
                            let leave = self.handle_closed();
                            self.follow.push_back(leave);
                        }
                        error => self.tell(|journal| journal.watched(&event.input, error.as_ref())),
                    }
                    return event.input;
                }
            }
        }
    }

    /// The configuration is in the bucket. The watch delivers it.
    fn prepared_again(&mut self, attempted: Result<(), StoreError>) {
        match attempted {
            Ok(()) => self.preparing = None,
            Err(error) => self.tell(|journal| journal.waits(&error)),
        }
    }

    /// Prepares the store again if its configuration is gone or differs, at most once per lease.
    fn check_configuration(&mut self, now: Moment) {
        let is_due = self.preparing.is_none() && now >= self.prepare_at;
        if is_due && self.state == State::Running && self.machine.is_unconfigured() {
            self.preparing = Some((self.prepare)());
            self.prepare_at = now + self.shared.timing.lease;
        }
    }

    /// The latest time of the next turn, so that liveness can detect a stuck task.
    fn wake(&self) -> Moment {
        let latest = self.now() + self.shared.timing.lease;
        let due = self.machine.poll_timeout();
        let settled = self.settled.map(|(_, until)| until);
        let advice = self.advisor.poll_timeout();
        [due, settled, advice]
            .into_iter()
            .flatten()
            .fold(latest, Moment::min)
    }

    fn leave(&mut self, command: Option<Shutdown>) -> Input {
        let commands_closed = command.is_none();
        self.waiting.extend(command);
        self.leave_for(commands_closed)
    }

    fn leave_for(&mut self, commands_closed: bool) -> Input {
        let was_leaving = mem::replace(&mut self.state, State::Leaving { commands_closed });
        match was_leaving {
            State::Running => Input::Leave,
            State::Leaving { .. } => Input::Tick,
        }
    }

    /// The store is closed: leaves, although no other node can be told.
    fn handle_closed(&mut self) -> Input {
        if !mem::replace(&mut self.closed, true) {
            self.tell(Journal::closed);
        }
        self.leave_for(false)
    }

    /// Tells the journal. A log subscriber of the application may panic.
    pub(super) fn tell(&mut self, tell: impl FnOnce(&mut dyn Journal)) {
        survive(|| tell(&mut *self.journal));
    }

    fn now(&self) -> Moment {
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
        if let Some(Advice { shard, want }) = self.advised(now) {
            self.feed(Input::Wanted { shard, want });
            return true;
        }
        self.shared.pulse.beat(now);
        self.check_configuration(now);
        self.finish(now);
        survive(|| self.journal.turned(now, &self.machine));
        false
    }

    fn perform(&mut self, action: Action) {
        let due = self.now() + self.shared.timing.request_timeout;
        match action {
            Action::Read { attempt, key } => self.requests.read(due, attempt, &key),
            Action::Write {
                attempt,
                key,
                expected,
                record,
            } => {
                let write = Write {
                    attempt,
                    key,
                    expected,
                    value: record.encode(),
                    removed_after: record.removed_after(),
                };
                self.requests.write(due, write);
            }
            Action::Watch { watch, after } => self.watches.open(watch, after),
            Action::CloseWatch { watch } => self.watches.close(watch),
            Action::Begin { session, deadline } => {
                let lease = HeldLease::new(deadline, self.shared.clock().clone());
                self.shared.set_session(Some(lease.clone()));
                self.session = Some((session, lease));
                self.shared.pulse.confirm(self.now());
            }
            Action::Extend { deadline } => self.extend(deadline),
            Action::WarmUp { shard, token } => {
                let shard = self.begin(shard, token);
                if let Some((warm_up, shard)) = self.warm_up.as_ref().zip(shard) {
                    let spawner = &self.shared.runtime.spawner;
                    self.terms.warm_up(spawner, warm_up, shard);
                }
            }
            Action::Open { shard, token } => self.open(shard, token),
            Action::Shut { shard } => {
                let drained = self.shut(shard);
                self.follow.extend(drained);
            }
            Action::EndTerm { shard } => self.end_term(shard),
            Action::ShutAll => self.shut_all(),
            Action::End { .. } => self.end(),
            Action::Settled(settled) => {
                self.settled = Some((settled, self.now() + self.shared.timing.lease));
            }
            Action::Notice(_) => {}
        }
    }

    fn extend(&mut self, deadline: Moment) {
        self.shared.pulse.confirm(self.now());
        if let Some((session, lease)) = &self.session
            && !lease.extend(deadline)
        {
            // A reader came after the old deadline, and observed the end of the session.
            self.follow.push_back(Input::Expired { session: *session });
        }
        self.shared.renewed.notify_waiters();
    }

    /// Begins the term of a shard. Its gate stays shut.
    fn begin(&self, shard: u32, token: u64) -> Option<Shard> {
        let (_, lease) = self.session.as_ref()?;
        let term = Term::new(token.into(), lease.clone());
        self.shared.gates.create(shard)?.begin(term.clone());
        Some(Shard::new(ShardId::new(shard), term))
    }

    fn open(&mut self, shard: u32, token: u64) {
        let gate = self.shared.gates.gate(shard);
        let warmed = gate.and_then(|gate| gate.begun());
        let warmed = warmed.map(|term| Shard::new(ShardId::new(shard), term));
        let Some(opened) = warmed.or_else(|| self.begin(shard, token)) else {
            return;
        };
        if let Some(gate) = self.shared.gates.gate(shard) {
            gate.open();
        }
        self.publisher.opened(&opened);
    }

    /// Shuts the gate of a shard. Returns the input that follows if nothing is inside.
    fn shut(&mut self, shard: u32) -> Option<Input> {
        let gate = self.shared.gates.gate(shard)?;
        let token = gate.begun().map_or(0, |term| term.token().into());
        let drained = self.terms.drain(shard, token, gate.shut());
        if drained.is_none() {
            self.draining.insert(shard);
        }
        drained
    }

    fn shut_all(&mut self) {
        let drained: Vec<_> = (0..self.shared.count().get())
            .filter_map(|shard| self.shut(shard))
            .collect();
        // With nothing inside, one write frees all of them.
        if self.draining.is_empty() {
            return;
        }
        // First for whom each is freed: to the others, this node is still there.
        self.advisor.handle_leave(self.now());
        while let Some(Advice { shard, want }) = self.advisor.poll_advice() {
            self.follow.push_back(Input::Wanted { shard, want });
        }
        self.follow.extend(drained);
    }

    /// Whether the node leaves, and nothing is inside any more.
    fn is_emptied(&mut self) -> bool {
        let is_leaving = matches!(self.state, State::Leaving { .. });
        is_leaving && self.draining.is_empty() && self.machine.is_draining()
    }

    fn end_term(&mut self, shard: u32) {
        self.stop_draining(shard);
        let Some(gate) = self.shared.gates.gate(shard) else {
            return;
        };
        gate.end();
        let left = gate.draining();
        if left > 0 {
            self.tell(|journal| journal.drain_timed_out(shard, left));
        }
        self.shared.gates.remove(shard);
    }

    /// Stops waiting for the requests of a shard. A node that leaves waits for all of them, whatever happens to its shards
    /// and its session.
    fn stop_draining(&mut self, shard: u32) {
        if self.state == State::Running {
            self.terms.forget(shard);
            self.draining.remove(&shard);
        }
    }

    /// Ends the session, and with it every term.
    fn end(&mut self) {
        if let Some((_, lease)) = self.session.take() {
            lease.end();
        }
        self.shared.set_session(None);
        for shard in 0..self.shared.count().get() {
            if let Some(gate) = self.shared.gates.gate(shard)
                && gate.end().is_some()
            {
                self.stop_draining(shard);
            }
        }
    }

    /// Ends, once the node has left. While it holds requests, it goes on following until it knows who leads their shards,
    /// for one lease at most: they are for those nodes, of which they cannot learn once the task has ended.
    fn finish(&mut self, now: Moment) {
        if self.closed && self.machine.is_parting() {
            self.settled = Some((Settled::LeftToExpire, now));
        }
        let Some((settled, until)) = self.settled else {
            return;
        };
        if now < until && !self.closed && !self.shared.holding.is_empty() {
            return;
        }
        let reason = match self.closed {
            true => StopReason::ClientClosed,
            false => StopReason::Shutdown,
        };
        let _ = self.shared.ended.set(End { reason, settled });
        self.publisher.stop();
        for waiting in mem::take(&mut self.waiting) {
            // The receiver may have been dropped.
            let _ = waiting.send(settled);
        }
    }

    /// The next advice of the placement.
    fn advised(&mut self, now: Moment) -> Option<Advice> {
        if self.advisor.poll_timeout().is_some_and(|at| at <= now) {
            self.advisor.handle_timeout(now);
        }
        let advice = self.advisor.poll_advice();
        advice.filter(|_| !self.wants.is_set())
    }

    /// Publishes what is known of nodes and shards, and tells the placement.
    fn publish(&mut self, now: Moment) {
        if self.machine.poll_changed_members() {
            self.has_new_members = true;
            let members = self.machine.members();
            let published = |member: protocol::Member<'_>| {
                let (id, described) = (member.id.clone(), described(&member));
                let same = self.members.get(&id).filter(|same| ***same == described);
                (id, same.cloned().unwrap_or_else(|| Arc::new(described)))
            };
            self.members = members.map(published).collect();
            let members = self.members.values();
            self.publisher
                .publish_members(members.map(|member| Member::clone(member)).collect());
        }
        while let Some(shard) = self.machine.poll_changed_shard() {
            let Some(view) = self.machine.shard(shard) else {
                continue;
            };
            self.publisher.publish_holder(shard, self.holder(&view));
            self.advisor.handle_owner(now, shard, owner(&view));
        }
        // Not while the bucket is delivered for the first time.
        if self.machine.has_caught_up() && mem::take(&mut self.has_new_members) {
            let nodes = self.machine.members().map(|member| LiveNode {
                id: member.id.clone(),
                weight: weight(&member),
                since: member.since,
            });
            self.advisor.handle_nodes(now, nodes.collect());
        }
        let status = match self.state {
            State::Leaving { .. } => ShardsStatus::Leaving,
            State::Running if self.session.is_some() => ShardsStatus::Member {
                owned: self.machine.owned(),
            },
            State::Running => ShardsStatus::Joining,
        };
        self.publisher.publish_status(status);
    }

    fn holder(&self, view: &protocol::ShardView<'_>) -> Holder {
        match view.holder {
            protocol::Holder::Unowned { .. } | protocol::Holder::Former => Holder::Unowned,
            protocol::Holder::Me(stage) => Holder::Me(stage, view.token),
            // Its session has been published.
            protocol::Holder::Other(other) => match self.members.get(other.id) {
                Some(member) => Holder::Other(member.clone(), view.token),
                None => Holder::Unowned,
            },
        }
    }
}

fn described(member: &protocol::Member<'_>) -> Member {
    let address = member.alive.and_then(|alive| alive.address.clone());
    Member::new(member.id.clone(), address, weight(member))
}

fn weight(member: &protocol::Member<'_>) -> u32 {
    member.alive.map_or(1, |alive| alive.weight)
}

fn owner<'a>(view: &protocol::ShardView<'a>) -> Owner<'a> {
    match view.holder {
        protocol::Holder::Unowned { wanted } => Owner::Unowned { wanted },
        protocol::Holder::Former => Owner::FormerSession,
        protocol::Holder::Me(Stage::Warming | Stage::Open) => Owner::Me,
        protocol::Holder::Me(Stage::Draining) => Owner::MeShut,
        protocol::Holder::Other(other) => Owner::Other(other.id),
    }
}

/// Shuts all gates and wakes every waiter, also if the task panics or its runtime ends.
impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        if let Some((_, lease)) = self.session.take() {
            lease.end();
        }
        for shard in 0..self.shared.count().get() {
            if let Some(gate) = self.shared.gates.gate(shard) {
                gate.end();
            }
        }
        let died = self.shared.ended.set(End {
            reason: StopReason::TaskEnded,
            settled: Settled::LeftToExpire,
        });
        self.publisher.stop();
        if died.is_ok() {
            survive(|| self.journal.died());
        }
    }
}

/// Waits for the preparation, or forever if there is none.
async fn prepared(preparing: Option<&mut Preparing>) -> Result<(), StoreError> {
    match preparing {
        Some(preparing) => preparing.attempted().await,
        None => pending().await,
    }
}

fn is_closed(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    matches!(error::find(error), Some(StoreError::Closed))
}

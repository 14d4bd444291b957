use std::time::Duration;

use super::{
    requests::Requests,
    series::{self, Labels},
    stages::{Stage, Stages},
};
use crate::{
    clock::Moment,
    names::ElectionName,
    shards::protocol::{Action, Ended, Input, Machine, Node, Notice},
};

/// The metrics of one node.
#[derive(Debug)]
pub(in crate::shards::task) struct Meter {
    labels: Labels,
    stages: Stages,
    requests: Requests,
    members: usize,
    unowned: usize,
    /// The gauges as they were set last.
    shown: Gauges,
    /// The time of the last input.
    now: Moment,
    /// The application may install its recorder late: when to emit every series again.
    refresh_at: Moment,
    refresh_every: Duration,
}

/// The values of the gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Gauges {
    remaining: Duration,
    stages: [usize; 3],
    unowned: usize,
    members: usize,
    requests: usize,
}

impl Meter {
    pub(in crate::shards::task) fn new(bucket: &ElectionName, node: &Node) -> Self {
        let meter = Self {
            labels: Labels::new(bucket.bucket()),
            stages: Stages::default(),
            requests: Requests::default(),
            members: 0,
            unowned: node.shards as usize,
            shown: Gauges::default(),
            now: Moment::default(),
            refresh_at: Moment::default(),
            refresh_every: node.timing.request_timeout,
        };
        crate::error::survive(|| meter.labels.register());
        meter
    }

    /// The store is not prepared yet.
    pub(in crate::shards::task) fn waits(&mut self) {
        self.labels.register();
        self.failed();
    }

    pub(in crate::shards::task) fn failed(&self) {
        series::STORE_FAILURES.count(&self.labels.none());
    }

    pub(in crate::shards::task) fn watch_ended(&self) {
        self.lost_watch(series::ENDED);
    }

    pub(in crate::shards::task) fn published(&mut self, members: usize, unowned: usize) {
        (self.members, self.unowned) = (members, unowned);
    }

    pub(in crate::shards::task) fn received(&mut self, now: Moment, input: &Input) {
        self.now = now;
        if let Some((kind, result)) = self.requests.ended(input) {
            series::WRITES.count(&self.labels.write(kind, result));
        }
        if matches!(input, Input::Warmed { ready: false, .. }) {
            series::WARM_UPS_FAILED.count(&self.labels.none());
        }
    }

    pub(in crate::shards::task) fn performs(&mut self, action: &Action) {
        self.requests.sent(action);
        match action {
            Action::Begin { .. } => series::SESSIONS.count(&self.labels.none()),
            Action::WarmUp { shard, .. } => drop(self.stages.set(*shard, Stage::Warming)),
            Action::Open { shard, .. } => {
                self.stages.set(*shard, Stage::Open);
                series::OPENED.count(&self.labels.none());
            }
            Action::Shut { shard } => {
                let draining = Stage::Draining { since: self.now };
                if self.stages.set(*shard, draining) == Some(Stage::Open) {
                    self.closed(series::GIVEN_AWAY, 1);
                }
            }
            Action::ShutAll => {
                let open = self.stages.drain_all(self.now);
                self.closed(series::LEFT, open);
            }
            Action::EndTerm { shard } => match self.stages.remove(*shard) {
                Some(Stage::Open) => self.closed(series::OVERWRITTEN, 1),
                Some(stage) => self.drained(stage),
                None => {}
            },
            Action::End { why } => self.ended(*why),
            Action::Notice(Notice::WatchReplaced { .. }) => self.lost_watch(series::BEHIND),
            _ => {}
        }
    }

    /// Sets the gauges that have changed.
    pub(in crate::shards::task) fn turned(&mut self, now: Moment, machine: &Machine) {
        if machine.is_stopped() {
            return self.stopped();
        }
        let deadline = machine.deadline().unwrap_or_default();
        self.show(Gauges {
            remaining: deadline.saturating_since(now),
            stages: self.stages.counts(),
            unowned: self.unowned,
            members: self.members,
            requests: self.requests.len(),
        });
        if now >= self.refresh_at {
            self.refresh_at = now + self.refresh_every;
            self.labels.register();
            self.set_all();
        }
    }

    /// The task has ended, or is about to.
    pub(in crate::shards::task) fn stopped(&mut self) {
        drop(self.stages.clear());
        self.show(Gauges::default());
    }

    fn ended(&mut self, why: Ended) {
        let mut open = 0;
        for stage in self.stages.clear() {
            match stage {
                Stage::Open => open += 1,
                stage => self.drained(stage),
            }
        }
        self.closed(series::SESSION_LOST, open);
        if let Some(reason) = series::lost(why) {
            series::SESSIONS_LOST.count(&self.labels.one("reason", reason));
        }
    }

    fn closed(&self, reason: &'static str, gates: usize) {
        series::CLOSED.add(&self.labels.one("reason", reason), gates as u64);
    }

    fn drained(&self, stage: Stage) {
        if let Some(drained) = stage.drained(self.now) {
            series::DRAIN.record(&self.labels.none(), drained.as_secs_f64());
        }
    }

    fn lost_watch(&self, reason: &'static str) {
        series::WATCHES_LOST.count(&self.labels.one("reason", reason));
    }

    fn show(&mut self, gauges: Gauges) {
        if gauges != std::mem::replace(&mut self.shown, gauges) {
            self.set_all();
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "metrics are floats")]
    fn set_all(&self) {
        let Gauges {
            remaining,
            stages,
            unowned,
            members,
            requests,
        } = self.shown;
        let none = self.labels.none();
        series::HAS_SESSION.set(&none, f64::from(u8::from(!remaining.is_zero())));
        series::SESSION_REMAINING.set(&none, remaining.as_secs_f64());
        series::UNOWNED.set(&none, unowned as f64);
        series::MEMBERS.set(&none, members as f64);
        series::REQUESTS.set(&none, requests as f64);
        for (state, shards) in series::STAGES.into_iter().zip(stages) {
            series::OWNED.set(&self.labels.one("state", state), shards as f64);
        }
    }
}

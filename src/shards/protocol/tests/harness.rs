//! A driver for one machine. The test provides its clock, its store and its watch.

use std::time::Duration;

use super::super::*;
use crate::{
    clock::Moment,
    lease::{Observation, Outcome, Readings, Timing, WriteId},
    names::NodeId,
};

pub(super) const LEASE: u64 = 15_000;
pub(super) const GUARD: u64 = 1_500;
/// The revision of the record that begins the session of [`Driver::begun`].
pub(super) const BEGUN: u64 = 10;

pub(super) fn at(ms: u64) -> Moment {
    Moment::from_nanos(1_000_000_000_000) + Duration::from_millis(ms)
}

pub(super) fn id(name: &str) -> NodeId {
    NodeId::parse(name).unwrap()
}

pub(super) const fn nonce(number: u128) -> SessionId {
    SessionId::begun_by(WriteId::from_bits(number))
}

pub(super) fn node() -> Node {
    Node {
        id: id("me"),
        address: None,
        weight: 1,
        lock: None,
        timing: Timing {
            lease: Duration::from_millis(LEASE),
            guard: Duration::from_millis(GUARD),
            renew_every: Duration::from_secs(5),
            request_timeout: Duration::from_millis(2_500),
            drain_timeout: Duration::from_secs(5),
            campaign_delay: Duration::ZERO,
        },
        shards: 2,
        warm_up: false,
        max_requests: 8,
    }
}

pub(super) fn alive(session: SessionId, write: u128) -> Alive {
    Alive {
        session,
        address: None,
        lease_ms: LEASE,
        weight: 1,
        renewal: 0,
        lock: None,
        write_id: Some(WriteId::from_bits(write)),
    }
}

pub(super) fn session(record: SessionRecord) -> Record {
    Record::Session(record)
}

pub(super) fn their_session(number: u128) -> Record {
    session(SessionRecord::Alive(alive(nonce(number), 1)))
}

pub(super) fn dead(by: &str) -> Record {
    session(SessionRecord::Dead { by: id(by) })
}

pub(super) fn held(name: &str, session: SessionId, seen: u64, floor: u64) -> Record {
    Record::Shard(Ownership::Held(Held {
        node: id(name),
        session,
        seen,
        token: 0,
        floor,
    }))
}

pub(super) fn free(wanted: Option<&str>, token: u64) -> Record {
    Record::Shard(Ownership::Free {
        wanted: wanted.map(id),
        token,
        floor: token,
    })
}

pub(super) fn vacant(floor: u64) -> Record {
    Record::Shard(Ownership::Vacant { floor })
}

pub(super) fn node_key(name: &str) -> Key {
    Key::Session(id(name))
}

#[derive(Clone)]
pub(super) struct Driver {
    pub(super) machine: Machine,
    pub(super) now: Moment,
    /// The id of the next write.
    pub(super) write_id: u128,
    watch: u64,
    index: u64,
    attempt: u64,
}

impl Driver {
    pub(super) fn with(node: Node) -> Self {
        Self {
            machine: Machine::new(node, 1),
            now: at(0),
            write_id: 7,
            watch: 0,
            index: 0,
            attempt: 0,
        }
    }

    /// A node whose watch has delivered these records, at revisions from 2, after the configuration.
    pub(super) fn that_saw(records: &[(Key, Option<Record>)]) -> Self {
        let mut d = Self::with(node());
        assert_eq!(d.tick(), [Action::Watch { watch: 1, after: 0 }]);
        d.open_watch(1, 9);
        let config = Observation::new(1, Some(node().config().encode()));
        assert_eq!(d.deliver_raw(Key::Config, config), []);
        for (revision, (key, record)) in (2..).zip(records) {
            assert_eq!(d.deliver(key.clone(), revision, record.as_ref()), []);
        }
        d
    }

    /// A node whose session was begun at time 0, over its record `left`, after these records.
    pub(super) fn begun(records: &[(Key, Option<Record>)]) -> Self {
        let left = (node_key("me"), Some(session(SessionRecord::Left)));
        let all: Vec<_> = records.iter().cloned().chain([left]).collect();
        let mut d = Self::that_saw(&all);
        let mine = session(SessionRecord::Alive(alive(nonce(7), 7)));
        let expected = 1 + all.len() as u64;
        assert_eq!(
            d.caught_up(),
            [d.write(node_key("me"), expected, mine.clone())]
        );
        d.write_id = 8;
        assert_eq!(d.acknowledge(BEGUN), []);
        let begin = Action::Begin {
            session: nonce(7),
            deadline: at(LEASE - GUARD),
        };
        let actions = d.deliver(node_key("me"), BEGUN, Some(&mine));
        assert_eq!(actions, [begin]);
        d
    }

    /// A node whose session has opened shard 0, which was free at revision 2, by a claim at revision 11.
    pub(super) fn open() -> Self {
        let mut d = Self::begun(&[(Key::Shard(0), Some(free(None, 2)))]);
        let claim = held("me", nonce(7), BEGUN, 2);
        let actions = d.want(0, Want::Have);
        assert_eq!(actions, [d.write(Key::Shard(0), 2, claim)]);
        assert_eq!(
            d.acknowledge(11),
            [Action::Open {
                shard: 0,
                token: 11
            }]
        );
        d
    }

    pub(super) fn at(&mut self, ms: u64) -> &mut Self {
        self.now = at(ms);
        self
    }

    pub(super) fn feed(&mut self, input: Input) -> Vec<Action> {
        let readings = Readings {
            now: self.now,
            wall: None,
            write_id: WriteId::from_bits(self.write_id),
        };
        self.machine.handle(readings, input);
        let actions: Vec<_> = std::iter::from_fn(|| self.machine.poll_action()).collect();
        for action in &actions {
            match action {
                Action::Read { attempt, .. } | Action::Write { attempt, .. } => {
                    self.attempt = *attempt;
                }
                _ => {}
            }
        }
        actions
    }

    pub(super) fn tick(&mut self) -> Vec<Action> {
        self.feed(Input::Tick)
    }

    pub(super) fn want(&mut self, shard: u32, want: Want) -> Vec<Action> {
        self.feed(Input::Wanted { shard, want })
    }

    pub(super) fn open_watch(&mut self, watch: u64, last: u64) {
        let epoch = 1;
        let opened = Input::Watching { watch, epoch, last };
        assert_eq!(self.feed(opened), []);
        (self.watch, self.index) = (watch, 0);
    }

    pub(super) fn deliver_raw(&mut self, key: Key, seen: Observation) -> Vec<Action> {
        self.index += 1;
        self.feed(Input::Delivered {
            watch: self.watch,
            index: self.index,
            key: Some(key),
            seen,
        })
    }

    pub(super) fn skip(&mut self) {
        self.index += 1;
    }

    /// Delivers a record, or the marker of a deletion.
    pub(super) fn deliver(
        &mut self,
        key: Key,
        revision: u64,
        record: Option<&Record>,
    ) -> Vec<Action> {
        self.deliver_raw(key, Observation::new(revision, record.map(Record::encode)))
    }

    pub(super) fn caught_up(&mut self) -> Vec<Action> {
        let (watch, index) = (self.watch, self.index);
        self.feed(Input::CaughtUp { watch, index })
    }

    pub(super) fn answer(&mut self, revision: u64, record: Option<&Record>) -> Vec<Action> {
        let seen = Some(Observation::new(revision, record.map(Record::encode)));
        let attempt = self.attempt;
        self.feed(Input::Read { attempt, seen })
    }

    pub(super) fn acknowledge(&mut self, revision: u64) -> Vec<Action> {
        self.end_write(Outcome::Acknowledged(revision))
    }

    pub(super) fn end_write(&mut self, outcome: Outcome) -> Vec<Action> {
        let attempt = self.attempt;
        self.feed(Input::Written { attempt, outcome })
    }

    /// The last request, if it was this write.
    pub(super) fn write(&self, key: Key, expected: u64, record: Record) -> Action {
        Action::Write {
            attempt: self.attempt,
            key,
            expected,
            record,
        }
    }

    pub(super) fn read(&self, key: Key) -> Action {
        Action::Read {
            attempt: self.attempt,
            key,
        }
    }

    /// The renewal number `renewal`, sent at the machine's next timeout.
    pub(super) fn renew(&mut self, expected: u64, renewal: u64) -> Record {
        self.now = self.machine.poll_timeout().unwrap();
        let record = self.renewal(renewal);
        let actions = self.tick();
        assert_eq!(
            actions,
            [self.write(node_key("me"), expected, record.clone())]
        );
        record
    }

    pub(super) fn renewal(&self, renewal: u64) -> Record {
        let write_id = Some(WriteId::from_bits(self.write_id));
        session(SessionRecord::Alive(Alive {
            renewal,
            write_id,
            ..alive(nonce(7), 0)
        }))
    }

    /// Wakes the machine until then, and answers its renewals. Returns its last actions, which are of that time.
    pub(super) fn keep_alive_until(&mut self, ms: u64) -> Vec<Action> {
        let mut revision = 20;
        while let Some(wakes_at) = self.machine.poll_timeout().filter(|wakes| *wakes < at(ms)) {
            self.now = wakes_at;
            for action in self.tick() {
                let Action::Write { key, record, .. } = action else {
                    panic!("{action:?}");
                };
                assert_eq!(key, node_key("me"));
                assert_eq!(self.acknowledge(revision), []);
                self.deliver(key, revision, Some(&record));
                revision += 1;
            }
        }
        self.at(ms).tick()
    }
}

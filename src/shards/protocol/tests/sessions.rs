//! R1 to R3: the session of this node.

use std::time::Duration;

use super::{super::*, harness::*};
use crate::lease::Outcome;

const END: u64 = LEASE - GUARD;

fn begins(records: &[(Key, Option<Record>)], now: u64) -> bool {
    let mut d = Driver::that_saw(records);
    d.caught_up();
    let actions = d.at(now).tick();
    let began = |a: &Action| {
        matches!(
            a,
            Action::Write {
                record: Record::Session(SessionRecord::Alive(_)),
                ..
            }
        )
    };
    actions.iter().any(began)
}

fn mine(record: Record) -> [(Key, Option<Record>); 1] {
    [(node_key("me"), Some(record))]
}

#[test]
fn r1_waits_for_another_process_and_for_a_mark() {
    for record in [their_session(3), session(SessionRecord::Unknown)] {
        assert!(!begins(&mine(record.clone()), LEASE - 1));
        assert!(begins(&mine(record), LEASE));
    }
    let marker = [(node_key("me"), None)];
    assert!(!begins(&marker, LEASE - 1) && begins(&marker, LEASE));
}

#[test]
fn r1_begins_at_once_over_a_session_that_has_ended() {
    for record in [dead("other"), session(SessionRecord::Left)] {
        let mut d = Driver::that_saw(&mine(record));
        let actions = d.caught_up();
        let mine = session(SessionRecord::Alive(alive(nonce(7), 7)));
        assert_eq!(actions, [d.write(node_key("me"), 2, mine)]);
    }
}

#[test]
fn r1_marks_an_absent_key_and_waits() {
    let shards = [0, 1].map(|shard| (Key::Shard(shard), Some(free(None, 2))));
    let mut d = Driver::that_saw(&shards);
    let actions = d.caught_up();
    let mark = session(SessionRecord::Unknown);
    assert_eq!(actions, [d.write(node_key("me"), 0, mark)]);
    assert_eq!(d.acknowledge(5), []);
    assert_eq!(d.at(LEASE - 1).tick(), []);
    let actions = d.at(LEASE).tick();
    let mine = session(SessionRecord::Alive(alive(nonce(7), 7)));
    assert_eq!(actions, [d.write(node_key("me"), 5, mine)]);
}

#[test]
fn r1_an_instance_lock_ends_a_dead_session_early() {
    let mut other = alive(nonce(3), 1);
    other.lock = Some("lock".to_owned());
    let seen = mine(session(SessionRecord::Alive(other)));
    assert!(!begins(&seen, 0));
    let mut d = Driver::that_saw(&seen);
    d.machine.me.lock = Some("lock".to_owned());
    assert_eq!(d.caught_up().len(), 1);
}

#[test]
fn r1_begins_only_in_a_bucket_with_the_same_configuration() {
    let mut d = Driver::begun(&[]);
    let other = Config {
        shards: 3,
        ..node().config()
    };
    let seen = crate::lease::Observation::new(12, Some(other.encode()));
    let end = Action::End {
        why: Ended::Reconfigured,
    };
    assert_eq!(d.deliver_raw(Key::Config, seen), [end]);
    assert_eq!(d.at(2 * LEASE).tick(), []);
}

#[test]
fn r2_a_renewal_counts_once_the_watch_has_delivered_it() {
    let mut d = Driver::begun(&[]);
    let record = d.renew(BEGUN, 1);
    let sent_at = d.now;
    assert_eq!(d.acknowledge(12), []);
    assert_eq!(d.machine.deadline(), Some(at(END)));
    let deadline = node().timing.valid_until(sent_at);
    let actions = d.deliver(node_key("me"), 12, Some(&record));
    assert_eq!(actions, [Action::Extend { deadline }]);
}

#[test]
fn r2_a_stalled_watch_is_replaced() {
    let mut d = Driver::begun(&[]);
    let record = d.renew(BEGUN, 1);
    d.acknowledge(12);
    let stalled_at = d.now + node().timing.lease / 15;
    assert_eq!(d.machine.poll_timeout(), Some(stalled_at));
    d.now = stalled_at;
    let replaced = Action::Notice(Notice::WatchReplaced { watch: 1 });
    let open = Action::Watch {
        watch: 2,
        after: BEGUN,
    };
    assert_eq!(d.tick(), [replaced, open]);
    d.open_watch(2, 12);
    let actions = d.deliver(node_key("me"), 12, Some(&record));
    assert!(
        matches!(
            actions[..],
            [Action::Extend { .. }, Action::CloseWatch { watch: 1 }]
        ),
        "{actions:?}"
    );
}

#[test]
fn r2_a_late_replacement_is_no_lost_data() {
    let mut d = Driver::begun(&[]);
    let record = d.renew(BEGUN, 1);
    d.acknowledge(12);
    d.now = d.machine.poll_timeout().unwrap();
    assert_eq!(d.tick().len(), 2);
    // The old watch goes on, and delivers more than the stream had when the new one was opened.
    let actions = d.deliver(node_key("other"), 11, Some(&their_session(3)));
    assert_eq!(actions, []);
    let opened = Input::Watching {
        watch: 2,
        epoch: 1,
        last: BEGUN,
    };
    assert_eq!(
        d.feed(opened),
        [
            Action::Notice(Notice::WatchReplaced { watch: 2 }),
            Action::CloseWatch { watch: 2 },
        ]
    );
    let actions = d.deliver(node_key("me"), 12, Some(&record));
    assert!(
        matches!(actions[..], [Action::Extend { .. }]),
        "{actions:?}"
    );
}

#[test]
fn r2_a_stream_that_is_shorter_than_before_is_lost_data() {
    let mut d = Driver::begun(&[]);
    assert_eq!(d.feed(Input::WatchEnded { watch: 1 }), []);
    d.now = d.machine.poll_timeout().unwrap();
    let open = Action::Watch {
        watch: 2,
        after: BEGUN,
    };
    assert_eq!(d.tick(), [open]);
    let opened = Input::Watching {
        watch: 2,
        epoch: 1,
        last: BEGUN - 1,
    };
    let lost = Action::End {
        why: Ended::DataLost,
    };
    assert_eq!(d.feed(opened)[0], lost);
}

#[test]
fn r2_a_watch_with_a_gap_delivers_nothing() {
    let mut d = Driver::begun(&[]);
    let record = d.renew(BEGUN, 1);
    d.acknowledge(12);
    d.skip();
    let actions = d.deliver(node_key("me"), 12, Some(&record));
    let replaced = Action::Notice(Notice::WatchReplaced { watch: 1 });
    let open = Action::Watch {
        watch: 2,
        after: BEGUN,
    };
    assert_eq!(actions, [replaced, Action::CloseWatch { watch: 1 }, open]);
}

#[test]
fn r3_ends_at_the_deadline_and_does_not_revive() {
    let mut d = Driver::open();
    let record = d.renew(BEGUN, 1);
    d.acknowledge(12);
    let expired = Action::End {
        why: Ended::Expired,
    };
    let actions = d.at(END).deliver(node_key("me"), 12, Some(&record));
    assert_eq!(actions[0], expired);
    assert!(!actions.iter().any(|a| matches!(a, Action::Extend { .. })));
    assert_eq!((d.machine.deadline(), d.machine.open(0)), (None, None));
}

#[test]
fn r3_ends_with_a_refused_renewal() {
    let mut d = Driver::begun(&[]);
    d.renew(BEGUN, 1);
    let actions = d.end_write(Outcome::Conflict);
    let refused = Action::End {
        why: Ended::Refused,
    };
    assert_eq!(actions, [refused, d.read(node_key("me"))]);
}

#[test]
fn r3_reads_first_after_a_renewal_of_unknown_outcome() {
    let mut d = Driver::begun(&[]);
    let applied = d.renew(BEGUN, 1);
    assert_eq!(d.end_write(Outcome::Unknown), [d.read(node_key("me"))]);
    d.write_id = 9;
    // It was applied: the next renewal replaces it, and the deadline stays until that is acknowledged.
    let actions = d.answer(12, Some(&applied));
    assert_eq!(actions, [d.write(node_key("me"), 12, d.renewal(1))]);
    assert_eq!(d.machine.deadline(), Some(at(END)));
}

#[test]
fn r3_ends_with_another_record_in_its_key() {
    let mut d = Driver::begun(&[]);
    let actions = d.deliver(node_key("me"), 12, Some(&dead("other")));
    assert_eq!(
        actions[0],
        Action::End {
            why: Ended::Overwritten
        }
    );
    let mut d = Driver::begun(&[]);
    let actions = d.deliver(node_key("me"), 12, None);
    assert_eq!(
        actions,
        [Action::End {
            why: Ended::Deleted
        }]
    );
}

#[test]
fn r3_a_copied_image_is_another_process() {
    let mut d = Driver::begun(&[]);
    let copy = session(SessionRecord::Alive(alive(nonce(7), 99)));
    let actions = d.deliver(node_key("me"), 12, Some(&copy));
    let twice = Action::Notice(Notice::RunsTwice { revision: 12 });
    assert_eq!(
        actions,
        [
            twice,
            Action::End {
                why: Ended::Overwritten
            }
        ]
    );
}

/// The record of a shard is not renewed, so the server takes what the copy decided on while it held the session. The
/// original is open until it sees that, or until the deadline of the last renewal before.
#[test]
fn r3_a_shard_freed_by_a_copy_is_open_for_less_than_a_lease() {
    let mut d = Driver::open();
    let mut copy = d.clone();
    let give = Want::Give { to: None };
    assert_eq!(copy.want(0, give), [Action::Shut { shard: 0 }]);
    let (shard, token) = (0, 11);
    let freed = copy.feed(Input::Drained { shard, token });
    let late = copy.write(Key::Shard(0), 11, free(None, 11));
    assert_eq!(freed, [Action::EndTerm { shard }, late]);

    let renewal = d.renew(BEGUN, 1);
    let deadline = d.now + Duration::from_millis(LEASE - GUARD);
    d.acknowledge(12);
    let actions = d.deliver(node_key("me"), 12, Some(&renewal));
    assert_eq!(actions, [Action::Extend { deadline }]);
    copy.write_id = 99;
    copy.now = d.now;
    let actions = copy.deliver(node_key("me"), 12, Some(&renewal));
    let why = Ended::Overwritten;
    assert!(actions.contains(&Action::End { why }), "{actions:?}");

    // The shard is freed at 13. A renewal after that does not count before the watch has delivered both.
    let renewal = d.renew(12, 2);
    assert_eq!(d.acknowledge(14), []);
    assert_eq!(d.machine.open(0), Some(11));
    assert_eq!(d.machine.deadline(), Some(deadline));
    let actions = d.deliver(Key::Shard(0), 13, Some(&free(None, 11)));
    assert!(actions.contains(&Action::EndTerm { shard }), "{actions:?}");
    let actions = d.deliver(node_key("me"), 14, Some(&renewal));
    assert!(
        matches!(actions[..], [Action::Extend { .. }]),
        "{actions:?}"
    );
}

#[test]
fn r10_an_acknowledgement_below_the_expected_revision_is_lost_data() {
    let mut d = Driver::begun(&[]);
    d.renew(BEGUN, 1);
    let actions = d.acknowledge(3);
    assert_eq!(
        actions[0],
        Action::End {
            why: Ended::DataLost
        }
    );
    assert!(actions.contains(&Action::Watch { watch: 2, after: 0 }));
}

#[test]
fn renewals_by_another_process_under_the_own_id_are_noticed() {
    let mut d = Driver::that_saw(&[(node_key("me"), Some(their_session(9)))]);
    // Its process may have been killed. Nothing shows that it runs.
    assert_eq!(d.caught_up(), []);
    for revision in [3, 4] {
        let actions = d.deliver(node_key("me"), revision, Some(&their_session(9)));
        assert_eq!(actions, [Action::Notice(Notice::IdInUse { revision })]);
    }
    // Another session is not a renewal.
    assert_eq!(d.deliver(node_key("me"), 5, Some(&their_session(10))), []);
    let left = session(SessionRecord::Left);
    let actions = d.deliver(node_key("me"), 6, Some(&left));
    let mine = session(SessionRecord::Alive(alive(nonce(7), 7)));
    assert_eq!(actions, [d.write(node_key("me"), 6, mine)]);
}

//! R6, R7 and R10: how a shard is claimed, opened, and lost.

use super::{super::*, harness::*};
use crate::lease::Outcome;

#[test]
fn r6_opens_on_the_acknowledgement_only() {
    let mut d = Driver::begun(&[(Key::Shard(0), Some(free(None, 2)))]);
    d.want(0, Want::Have);
    let claim = held("me", nonce(7), BEGUN, 2);
    // The watch shows the claim before its acknowledgement.
    assert_eq!(d.deliver(Key::Shard(0), 11, Some(&claim)), []);
    assert_eq!(d.machine.open(0), None);
    assert_eq!(
        d.acknowledge(11),
        [Action::Open {
            shard: 0,
            token: 11
        }]
    );
}

#[test]
fn r6_a_claim_of_unknown_outcome_is_made_again() {
    let mut d = Driver::begun(&[(Key::Shard(0), Some(free(None, 2)))]);
    d.want(0, Want::Have);
    assert_eq!(d.end_write(Outcome::Unknown).len(), 1);
    let claim = held("me", nonce(7), BEGUN, 2);
    let actions = d.answer(11, Some(&claim));
    assert_eq!(
        actions,
        [d.write(Key::Shard(0), 11, held("me", nonce(7), BEGUN, 11))]
    );
    assert_eq!(
        d.acknowledge(12),
        [Action::Open {
            shard: 0,
            token: 12
        }]
    );
}

#[test]
fn r6_an_acknowledgement_for_an_earlier_session_opens_nothing() {
    let mut d = Driver::begun(&[(Key::Shard(0), Some(free(None, 2)))]);
    d.want(0, Want::Have);
    let ended = d.deliver(node_key("me"), 12, Some(&dead("other")));
    assert_eq!(
        ended[0],
        Action::End {
            why: Ended::Overwritten
        }
    );
    // The begin is the last request: the claim is the one before.
    let attempt = 2;
    let outcome = Outcome::Acknowledged(13);
    assert_eq!(d.feed(Input::Written { attempt, outcome }), []);
    assert_eq!(d.machine.open(0), None);
}

#[test]
fn r6_waits_for_a_mark_or_a_marker() {
    for record in [Some(vacant(0)), None] {
        let mut d = Driver::begun(&[]);
        d.at(1).deliver(Key::Shard(0), 12, record.as_ref());
        assert_eq!(d.want(0, Want::Have), []);
        assert_eq!(d.keep_alive_until(LEASE), []);
        let actions = d.at(LEASE + 1).tick();
        let seen = d.machine.session.held().unwrap().revision;
        let claim = held("me", nonce(7), seen, 0);
        assert_eq!(actions, [d.write(Key::Shard(0), 12, claim)]);
    }
}

#[test]
fn r6_a_token_is_larger_than_the_floor() {
    let mut d = Driver::begun(&[(Key::Shard(0), Some(free(None, 500)))]);
    d.want(0, Want::Have);
    assert_eq!(
        d.acknowledge(11),
        [Action::Open {
            shard: 0,
            token: 501
        }]
    );
}

#[test]
fn r6_a_refused_claim_reads_the_record() {
    let mut d = Driver::begun(&[(Key::Shard(0), Some(free(None, 2)))]);
    d.want(0, Want::Have);
    let actions = d.end_write(Outcome::Conflict);
    assert_eq!(actions, [d.read(Key::Shard(0))]);
}

#[test]
fn r7_an_absent_shard_is_marked() {
    let mut d = Driver::begun(&[]);
    let actions = d.want(0, Want::Have);
    assert_eq!(actions, [d.write(Key::Shard(0), 0, vacant(0))]);
    assert_eq!(d.acknowledge(11), []);
}

#[test]
fn r7_shards_and_sessions_of_a_new_bucket_are_waited_out_together() {
    let mut d = Driver::that_saw(&[]);
    let actions = d.caught_up();
    let mark = d.write(node_key("me"), 0, session(SessionRecord::Unknown));
    assert_eq!(actions, [mark]);
    assert_eq!(d.acknowledge(2), []);
    let mut marked = std::collections::BTreeSet::new();
    while let Some(wakes_at) = d
        .machine
        .poll_timeout()
        .filter(|wakes| *wakes <= at(LEASE / 4))
    {
        d.now = wakes_at;
        for action in d.tick() {
            let Action::Write { key, .. } = &action else {
                panic!("{action:?}");
            };
            assert_eq!(action, d.write(key.clone(), 0, vacant(0)));
            assert_eq!(d.acknowledge(3 + marked.len() as u64), []);
            assert!(marked.insert(key.clone()));
        }
    }
    assert_eq!(marked, [Key::Shard(0), Key::Shard(1)].into());
}

#[test]
fn r7_an_owner_shuts_what_was_overwritten() {
    for record in [Some(vacant(0)), None, Some(held("other", nonce(3), 2, 0))] {
        let mut d = Driver::open();
        let actions = d.deliver(Key::Shard(0), 12, record.as_ref());
        let notice = Notice::Overwritten {
            shard: 0,
            revision: 12,
        };
        assert_eq!(
            actions[..2],
            [Action::Notice(notice), Action::EndTerm { shard: 0 }]
        );
        assert_eq!(d.machine.open(0), None);
    }
}

#[test]
fn r7_the_own_record_and_older_ones_change_nothing() {
    let mut d = Driver::open();
    let claim = held("me", nonce(7), BEGUN, 2);
    assert_eq!(d.deliver(Key::Shard(0), 11, Some(&claim)), []);
    assert_eq!(d.machine.open(0), Some(11));
}

#[test]
fn the_own_session_is_renewed_while_claims_fill_the_requests() {
    let mut d = Driver::begun(&[]);
    d.machine.me.max_requests = 1;
    d.want(0, Want::Have);
    assert_eq!(d.want(1, Want::Have), [], "no room");
    d.machine.me.timing.request_timeout = std::time::Duration::from_secs(60);
    d.renew(BEGUN, 1);
}

#[test]
fn a_claim_that_was_not_sent_is_made_after_a_read() {
    let mut d = Driver::begun(&[(Key::Shard(0), Some(free(None, 3)))]);
    let actions = d.want(0, Want::Have);
    let claim = d.write(Key::Shard(0), 2, held("me", nonce(7), BEGUN, 3));
    assert_eq!(actions, [claim]);
    assert_eq!(d.end_write(Outcome::Failed), []);
    d.now = d.machine.poll_timeout().unwrap();
    let actions = d.tick();
    assert_eq!(actions, [d.read(Key::Shard(0))]);
    let actions = d.answer(2, Some(&free(None, 3)));
    let again = d.write(Key::Shard(0), 2, held("me", nonce(7), BEGUN, 3));
    assert_eq!(actions, [again]);
}

/// Otherwise the placement would no longer want it if it is another node's, and it would free the shard at once.
#[test]
fn a_claim_that_the_watch_delivers_first_is_of_this_node() {
    let mut d = Driver::begun(&[(Key::Shard(0), Some(free(Some("me"), 2)))]);
    let actions = d.want(0, Want::Have);
    let claim = held("me", nonce(7), BEGUN, 2);
    assert_eq!(actions, [d.write(Key::Shard(0), 2, claim.clone())]);
    while d.machine.poll_changed_shard().is_some() {}
    assert_eq!(d.deliver(Key::Shard(0), 11, Some(&claim)), []);
    assert_eq!(d.machine.poll_changed_shard(), Some(0));
    assert_eq!(
        d.machine.shard(0).unwrap().holder,
        Holder::Me(Stage::Warming)
    );
    // The session ends before the acknowledgement.
    let actions = d.at(LEASE).tick();
    assert!(actions.iter().any(|a| matches!(a, Action::End { .. })));
    assert_eq!(d.machine.poll_changed_shard(), Some(0));
    assert_eq!(d.machine.shard(0).unwrap().holder, Holder::Former);
}

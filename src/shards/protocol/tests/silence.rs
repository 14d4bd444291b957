//! R4 and R5: silent, dead and absent sessions of other nodes.

use super::{super::*, harness::*};
use crate::lease::Outcome;

/// Shard 0 is held by the session 3 of the other node, which was seen at revision 2.
fn held_by_other(session_at_2: Option<Record>) -> Driver {
    let mut d = Driver::begun(&[
        (node_key("other"), session_at_2),
        (Key::Shard(0), Some(held("other", nonce(3), 2, 0))),
    ]);
    assert_eq!(d.want(0, Want::Have), []);
    d
}

fn claim(d: &Driver) -> Action {
    d.write(Key::Shard(0), 3, held("me", nonce(7), BEGUN, 3))
}

#[test]
fn r4_fences_a_silent_session_before_its_shards_are_taken() {
    let shards = [0, 1].map(|shard| (Key::Shard(shard), Some(free(None, 2))));
    let other = [(node_key("other"), Some(their_session(3)))];
    let mut d = Driver::that_saw(&[&other[..], &shards].concat());
    d.caught_up();
    d.acknowledge(5);
    assert_eq!(d.at(LEASE - 1).tick(), []);
    let actions = d.at(LEASE).tick();
    let fence = |a: &Action| {
        matches!(a, Action::Write { key, expected: 2, record, .. }
        if *key == node_key("other") && *record == dead("me"))
    };
    assert!(actions.iter().any(fence), "{actions:?}");
}

#[test]
fn r4_a_renewal_starts_the_wait_again() {
    let mut d = Driver::that_saw(&[
        (node_key("other"), Some(their_session(3))),
        (node_key("me"), Some(their_session(4))),
    ]);
    d.at(LEASE - 1)
        .deliver(node_key("other"), 7, Some(&their_session(3)));
    d.machine.me.lock = None;
    let actions = d.at(2 * LEASE - 2).tick();
    let fences = |a: &Action| matches!(a, Action::Write { key, .. } if *key == node_key("other"));
    assert!(!actions.iter().any(fences), "{actions:?}");
    let actions = d.at(2 * LEASE - 1).tick();
    assert!(actions.iter().any(fences), "{actions:?}");
}

#[test]
fn r5_a_tombstone_or_another_session_frees_the_shards() {
    for record in [dead("x"), session(SessionRecord::Left), their_session(4)] {
        let mut d = held_by_other(Some(their_session(3)));
        let actions = d.deliver(node_key("other"), 12, Some(&record));
        assert_eq!(actions, [claim(&d)], "{record:?}");
    }
}

#[test]
fn r5_a_marker_counts_after_a_lease() {
    let mut d = held_by_other(Some(their_session(3)));
    assert_eq!(d.at(1).deliver(node_key("other"), 12, None), []);
    assert_eq!(d.keep_alive_until(LEASE), []);
    let actions = d.at(LEASE + 1).tick();
    let claims = |a: &Action| {
        matches!(
            a,
            Action::Write {
                key: Key::Shard(0),
                expected: 3,
                ..
            }
        )
    };
    assert!(actions.iter().any(claims), "{actions:?}");
}

#[test]
fn r5_evidence_is_no_older_than_the_claim() {
    // The claim names a session at revision 8, and what was seen at 2 is an earlier one.
    let mut d = Driver::begun(&[(node_key("other"), Some(dead("x")))]);
    d.deliver(Key::Shard(0), 11, Some(&held("other", nonce(3), 8, 0)));
    assert_eq!(d.want(0, Want::Have), []);
    // The watch may be late: a read asks for the session, and its absence is marked, and not believed.
    let actions = d.at(1_000).tick();
    assert_eq!(actions, [d.read(node_key("other"))]);
    let actions = d.answer(0, None);
    let mark = session(SessionRecord::Unknown);
    assert_eq!(actions, [d.write(node_key("other"), 0, mark)]);
    // The key has a message after all.
    let actions = d.end_write(Outcome::Conflict);
    assert_eq!(actions, [d.read(node_key("other"))]);
    let actions = d.answer(12, Some(&their_session(4)));
    let claim = held("me", nonce(7), BEGUN, 11);
    assert_eq!(actions, [d.write(Key::Shard(0), 11, claim)]);
}

//! A term: its start, its renewals, and its end without a release.

use std::collections::HashSet;

use super::{super::*, harness::*};

/// The deadline of a term whose write was sent at time 0.
const DEADLINE: u64 = LEASE - GUARD;

#[test]
fn validity_is_counted_from_before_the_send() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(
        d.at(2_000).acknowledge(TOKEN),
        [begin(TOKEN, DEADLINE), Action::Open]
    );
    assert_eq!(d.machine.deadline(), Some(at(DEADLINE)));
}

#[test]
fn a_renewal_counts_from_before_its_send() {
    let mut d = Driver::renewing();
    let sent = d.elapsed();
    let deadline = at(sent + DEADLINE);
    assert_eq!(
        d.at(sent + 2_000).acknowledge(9),
        [Action::Extend { deadline }]
    );
    assert_eq!(d.machine.deadline(), Some(deadline));
}

#[test]
fn only_an_acknowledged_write_grants_anything() {
    for outcome in [Outcome::Conflict, Outcome::Failed, Outcome::Unknown] {
        let mut d = Driver::acquiring(candidate());
        let mut actions = d.end_write(outcome);
        if actions.is_empty() {
            actions = d.wake();
        }
        assert_eq!(actions, [read(3)], "{outcome:?}");
        assert!(d.follows());
    }
}

#[test]
fn a_candidate_seeing_its_own_record_gains_nothing() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.push(holds(TOKEN, &mine(BEFORE))), []);
    assert_eq!(d.machine.token(), None);
    assert_eq!(d.acknowledge(TOKEN), [begin(TOKEN, DEADLINE), Action::Open]);
}

#[test]
fn a_pushed_own_record_grants_nothing() {
    let mut d = Driver::renewing();
    let sent = d.elapsed();
    assert_eq!(d.push(holds(9, &renewed(TOKEN, 1))), []);
    assert_eq!(d.machine.deadline(), Some(at(DEADLINE)));
    let deadline = at(sent + DEADLINE);
    assert_eq!(d.acknowledge(9), [Action::Extend { deadline }]);
}

#[test]
fn renewals_are_numbered_and_replace_the_last_revision() {
    let mut d = Driver::renewing();
    d.acknowledge(9);
    assert_eq!(d.wake(), [d.write(9, renewed(TOKEN, 2))]);
    d.acknowledge(12);
    assert_eq!(d.wake(), [d.write(12, renewed(TOKEN, 3))]);
}

#[test]
fn renewals_have_jitter() {
    let renewals: HashSet<_> = (0..100)
        .map(|seed| {
            let mut d = Driver::seeded(candidate(), seed);
            d.tick();
            d.answer(holds(BEFORE, &released()));
            d.at(100).acknowledge(TOKEN);
            let renewal = d.machine.poll_timeout().unwrap();
            // The acknowledgement came 100 ms after the send and does not count.
            assert!((at(4_500)..=at(5_500)).contains(&renewal), "{renewal:?}");
            assert_eq!(d.wake(), [write(3, TOKEN, renewed(TOKEN, 1))]);
            renewal
        })
        .collect();
    assert!(renewals.len() > 90, "{}", renewals.len());
}

#[test]
fn a_failed_renewal_is_retried_after_a_read() {
    let mut d = Driver::renewing();
    let sent = d.elapsed();
    assert_eq!(d.end_write(Outcome::Failed), []);
    assert_eq!(d.wake(), [d.read()]);
    assert!((250..=500).contains(&(d.elapsed() - sent)));
    assert_eq!(
        d.answer(holds(TOKEN, &mine(BEFORE))),
        [d.write(TOKEN, renewed(TOKEN, 1))]
    );
}

#[test]
fn late_ack_does_not_revive_a_term() {
    for late in [0, 1, 60_000] {
        let mut d = Driver::renewing();
        assert_eq!(
            d.at(DEADLINE + late).acknowledge(9),
            [end(Ended::Expired), d.read()]
        );
        assert!(d.follows());
    }
}

#[test]
fn ack_before_the_deadline_extends_the_term() {
    let mut d = Driver::renewing();
    let deadline = at(d.elapsed() + DEADLINE);
    assert_eq!(
        d.at(DEADLINE - 1).acknowledge(9),
        [Action::Extend { deadline }, d.write(9, renewed(TOKEN, 2))]
    );
}

#[test]
fn a_new_term_needs_a_new_acquiring_write() {
    let mut d = Driver::renewing();
    while d.elapsed() < DEADLINE {
        d.wake();
        d.fail_read();
    }
    assert!(d.follows());
    d.feed(Input::Written {
        attempt: 3,
        outcome: Outcome::Acknowledged(9),
    });
    assert!(d.follows());
    d.wake_until(is_read);
    let sent = d.elapsed();
    assert_eq!(
        d.answer(holds(9, &renewed(TOKEN, 1))),
        [d.write(9, mine(TOKEN))]
    );
    assert_eq!(
        d.acknowledge(10),
        [begin(10, sent + DEADLINE), Action::Open]
    );
}

#[test]
fn late_acquiring_ack_begins_no_term() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(
        d.at(DEADLINE).acknowledge(TOKEN),
        [Action::Notice(Notice::AcquiredTooLate)]
    );
    assert!(d.follows());
    assert_eq!(d.wake(), [d.write(TOKEN, mine(TOKEN))]);
}

#[test]
fn a_term_ends_by_itself_at_its_deadline() {
    let mut d = Driver::leading();
    d.wake();
    assert!(d.machine.poll_timeout().unwrap() <= at(DEADLINE));
    let mut d = Driver::leading();
    assert_eq!(d.tick_at(DEADLINE), [end(Ended::Expired), d.read()]);
}

#[test]
fn a_term_ends_when_a_reader_finds_expiry() {
    let mut d = Driver::leading();
    assert_eq!(d.feed(Input::Expired { token: TOKEN - 1 }), []);
    assert!(d.leads());
    let actions = d.feed(Input::Expired { token: TOKEN });
    assert_eq!(actions, [end(Ended::Expired), d.read()]);
}

#[test]
fn a_deleted_key_ends_the_term() {
    let mut d = Driver::leading();
    assert_eq!(
        d.at(1_000).push(absent(9)),
        [absent_for(LEASE), end(Ended::Deleted), d.read()]
    );
}

#[test]
fn an_overwritten_key_ends_the_term() {
    for record in [theirs(LEASE), released(), theirs(LEASE).vacant(ms(LEASE))] {
        let mut d = Driver::leading();
        let actions = d.at(1_000).push(holds(9, &record));
        assert_eq!(actions[0], end(Ended::Overwritten), "{record:?}");
        assert!(d.follows());
    }
}

#[test]
fn garbage_in_the_key_ends_the_term() {
    let mut d = Driver::leading();
    let actions = d.at(1_000).push(garbage(9));
    assert!(matches!(
        actions[0],
        Action::Notice(Notice::Garbage { revision: 9, .. })
    ));
    assert_eq!(actions[1..], [end(Ended::Overwritten), d.read()]);
}

/// A server may refuse a write although the key is unchanged. The read decides.
#[test]
fn a_refused_renewal_is_followed_by_a_read() {
    let mut d = Driver::renewing();
    assert_eq!(d.end_write(Outcome::Conflict), [d.read()]);
    assert!(d.leads());
    assert_eq!(
        d.answer(holds(9, &theirs(LEASE))),
        [end(Ended::Overwritten), d.read()]
    );
}

#[test]
fn renewal_refused_without_change_is_sent_again() {
    let mut d = Driver::renewing();
    let own = holds(TOKEN, &mine(BEFORE));
    let again = |d: &Driver| d.write(TOKEN, renewed(TOKEN, 1));
    d.end_write(Outcome::Conflict);
    assert_eq!(d.answer(own.clone()), [again(&d)]);
    // The next ones are sent after a pause, which grows.
    let mut pauses = Vec::new();
    for _ in 0..3 {
        let refused = d.elapsed();
        assert_eq!(d.end_write(Outcome::Conflict), []);
        assert_eq!(d.wake(), [d.read()]);
        pauses.push(d.elapsed() - refused);
        assert_eq!(d.answer(own.clone()), [again(&d)]);
    }
    assert!(pauses[0] >= 500 && pauses[2] >= 750, "{pauses:?}");
    // None of these reads has moved the deadline.
    assert_eq!(d.machine.deadline(), Some(at(DEADLINE)));
    let deadline = at(d.elapsed() + DEADLINE);
    assert_eq!(d.acknowledge(9), [Action::Extend { deadline }]);
}

#[test]
fn a_refused_leader_ends_at_its_deadline() {
    for answers in [true, false] {
        let mut d = Driver::renewing();
        d.end_write(Outcome::Conflict);
        let mut ended = Vec::new();
        while ended.is_empty() {
            // A stale read shows its own record without end, or there is no answer.
            let actions = match answers && d.elapsed() < DEADLINE {
                true => d.answer(holds(TOKEN, &mine(BEFORE))),
                false => Vec::new(),
            };
            if actions.iter().any(is_write) {
                d.end_write(Outcome::Conflict);
            }
            ended = d.wake();
            ended.retain(|action| matches!(action, Action::End { .. }));
        }
        assert_eq!(ended, [end(Ended::Expired)]);
        assert_eq!(d.elapsed(), DEADLINE);
    }
}

#[test]
fn other_states_after_a_refusal_end_the_term() {
    for (seen, why) in [
        (absent(9), Ended::Deleted),
        (absent(0), Ended::Deleted),
        (garbage(9), Ended::Overwritten),
        (holds(9, &released()), Ended::Overwritten),
        (holds(3, &mine(1)), Ended::DataLost),
        (holds(TOKEN, &theirs(LEASE)), Ended::DataLost),
    ] {
        let mut d = Driver::renewing();
        d.end_write(Outcome::Conflict);
        let actions = d.answer(seen.clone());
        assert!(actions.contains(&end(why)), "{seen:?}: {actions:?}");
    }
}

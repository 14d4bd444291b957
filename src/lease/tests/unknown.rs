//! Writes with an unknown outcome, and acknowledgements out of order.

use super::{super::*, harness::*};

#[test]
fn an_unknown_write_is_followed_by_a_read() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.end_write(Outcome::Unknown), [read(3)]);
    let mut d = Driver::renewing();
    assert_eq!(d.end_write(Outcome::Unknown), [d.read()]);
    assert!(d.leads());
}

#[test]
fn a_write_that_times_out_is_unknown() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.tick_at(REQUEST_TIMEOUT - 1), []);
    assert_eq!(d.tick_at(REQUEST_TIMEOUT), [read(3)]);
}

#[test]
fn a_nonce_identifies_the_candidates_own_record() {
    let mut d = Driver::acquiring(candidate());
    d.end_write(Outcome::Unknown);
    // It writes again over that revision, and only that write grants a term.
    assert_eq!(
        d.at(1_000).answer(holds(8, &mine(BEFORE))),
        [write(4, 8, mine(8))]
    );
    assert!(d.follows());
    assert_eq!(
        d.acknowledge(9),
        [begin(9, 1_000 + LEASE - GUARD), Action::Open]
    );
}

#[test]
fn a_record_with_another_nonce_is_foreign() {
    let mut d = Driver::acquiring(candidate());
    d.end_write(Outcome::Unknown);
    let namesake = Record::acquiring("me", "earlier", None, ms(LEASE), BEFORE);
    assert_eq!(d.answer(holds(8, &namesake)), []);
    assert_eq!(d.leader().map(|h| h.token()), Some(8.into()));
    assert_eq!(d.campaign(&holds(8, &namesake)), (LEASE, 8, mine(8)));
}

#[test]
fn an_unapplied_write_is_sent_again() {
    let mut d = Driver::acquiring(candidate());
    d.end_write(Outcome::Unknown);
    assert_eq!(
        d.answer(holds(BEFORE, &released())),
        [write(4, BEFORE, mine(BEFORE))]
    );
}

#[test]
fn a_second_unknown_write_causes_a_pause() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.end_write(Outcome::Unknown), [read(3)]);
    d.answer(holds(BEFORE, &released()));
    assert_eq!(d.end_write(Outcome::Unknown), []);
    assert_eq!(d.wake(), [read(5)]);
    assert!(d.elapsed() > 0);
}

#[test]
fn an_applied_unknown_renewal_is_sent_again() {
    let mut d = Driver::renewing();
    let sent = d.elapsed();
    d.end_write(Outcome::Unknown);
    // A write without an acknowledgement does not extend the term.
    assert_eq!(
        d.at(sent + 100).answer(holds(9, &renewed(TOKEN, 1))),
        [d.write(9, renewed(TOKEN, 1))]
    );
    assert_eq!(d.machine.deadline(), Some(at(LEASE - GUARD)));
    let deadline = at(sent + 100 + LEASE - GUARD);
    assert_eq!(d.acknowledge(10), [Action::Extend { deadline }]);
}

/// The renewal was applied after the read, so the other record is the leader's own.
#[test]
fn a_refusal_after_an_unknown_renewal_is_tolerated() {
    let mut d = Driver::renewing();
    d.end_write(Outcome::Unknown);
    assert_eq!(
        d.answer(holds(TOKEN, &mine(BEFORE))),
        [d.write(TOKEN, renewed(TOKEN, 1))]
    );
    assert_eq!(d.end_write(Outcome::Conflict), []);
    assert_eq!(d.wake(), [d.read()]);
    assert!(d.leads());
    assert_eq!(
        d.answer(holds(9, &renewed(TOKEN, 1))),
        [d.write(9, renewed(TOKEN, 1))]
    );
}

#[test]
fn foreign_record_after_a_refusal_ends_the_term() {
    let mut d = Driver::renewing();
    d.end_write(Outcome::Unknown);
    d.answer(holds(TOKEN, &mine(BEFORE)));
    d.end_write(Outcome::Conflict);
    d.wake();
    assert_eq!(
        d.answer(holds(9, &theirs(LEASE))),
        [end(Ended::Overwritten), d.read()]
    );
}

#[test]
fn an_unknown_renewal_does_not_extend_the_term() {
    let mut d = Driver::renewing();
    d.end_write(Outcome::Unknown);
    assert_eq!(d.tick_at(LEASE - GUARD), [end(Ended::Expired), d.read()]);
}

#[test]
fn ack_of_an_abandoned_write_is_ignored() {
    let mut d = Driver::acquiring(candidate());
    let given_up = d.attempt();
    d.tick_at(REQUEST_TIMEOUT);
    let late = Input::Written {
        attempt: given_up,
        outcome: Outcome::Acknowledged(TOKEN),
    };
    assert_eq!(d.feed(late), []);
    assert!(d.follows());
}

#[test]
fn a_push_before_its_ack_is_tolerated() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.push(holds(8, &mine(BEFORE))), []);
    assert_eq!(d.acknowledge(8), [begin(8, LEASE - GUARD), Action::Open]);
}

#[test]
fn ack_after_a_deletion_begins_no_term() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.push(absent(9)), [absent_for(LEASE)]);
    assert_eq!(d.acknowledge(8), []);
    assert!(d.follows());
}

#[test]
fn ack_after_a_deletion_restores_no_record() {
    let mut d = Driver::renewing();
    let deleted = d.elapsed();
    assert_eq!(d.push(absent(10)), [absent_for(LEASE), end(Ended::Deleted)]);
    assert_eq!(d.at(deleted + 100).acknowledge(9), [d.read()]);
    assert_eq!(d.at(deleted + 200).answer(absent(10)), []);
    assert_eq!(d.campaign(&absent(10)), (deleted + LEASE, 10, mine(TOKEN)));
}

#[test]
fn stale_reads_do_not_end_a_term() {
    for seen in [holds(BEFORE, &released()), absent(3), garbage(4)] {
        let mut d = Driver::renewing();
        assert_eq!(d.end_write(Outcome::Unknown), [d.read()]);
        d.answer(seen);
        assert!(d.leads());
    }
}

/// This includes the leader's own record: the writes after it are lost.
#[test]
fn an_older_revision_after_refusal_ends_the_term() {
    for record in [mine(1), theirs(LEASE)] {
        let mut d = Driver::renewing();
        d.end_write(Outcome::Unknown);
        d.answer(holds(TOKEN, &mine(BEFORE)));
        d.end_write(Outcome::Conflict);
        d.wake();
        let actions = d.answer(holds(3, &record));
        let lost = [data_lost(TOKEN, 3), end(Ended::DataLost)];
        assert!(actions.starts_with(&lost), "{actions:?}");
    }
}

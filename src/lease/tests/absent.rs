//! Absent keys, with a deletion marker or without a message (revision 0).

use super::{super::*, harness::*};

/// The mark of this candidate over an absent key, if it knows tokens up to `floor`.
fn vacated(floor: u64, lease_ms: u64) -> Record {
    mine(floor).vacant(ms(lease_ms))
}

/// The mark of another candidate over an absent key.
fn vacated_by_other(floor: u64, lease_ms: u64) -> Record {
    Record::acquiring("other", "theirs", None, ms(LEASE), floor).vacant(ms(lease_ms))
}

fn trusting() -> Candidate {
    Candidate {
        trust_absent_key: true,
        ..candidate()
    }
}

#[test]
fn an_absent_key_is_not_a_release() {
    let mut d = Driver::new();
    d.tick();
    assert_eq!(d.answer(absent(9)), [absent_for(LEASE)]);
    assert_eq!(d.campaign(&absent(9)), (LEASE, 9, mine(0)));
    let sent = d.elapsed();
    assert_eq!(
        d.acknowledge(10),
        [begin(10, sent + LEASE - GUARD), Action::Open]
    );
}

#[test]
fn an_absent_key_waits_for_the_longer_lease() {
    for (last, wait) in [(5_000, LEASE), (60_000, 60_000)] {
        let mut d = Driver::following(&theirs(last));
        assert_eq!(d.at(1_000).push(absent(9)), [absent_for(wait)]);
        assert_eq!(d.campaign(&absent(9)), (1_000 + wait, 9, mine(BEFORE)));
    }
}

#[test]
fn a_stale_record_can_lengthen_the_wait() {
    let mut d = Driver::new();
    d.tick();
    d.answer(absent(9));
    // A stale push of the former content.
    d.push(holds(8, &theirs(60_000)));
    assert_eq!(d.at(1_000).push(absent(10)), [absent_for(60_000)]);
    assert_eq!(d.campaign(&absent(10)), (61_000, 10, mine(0)));
}

#[test]
fn believed_stale_reads_do_not_shorten_the_wait() {
    let mut d = Driver::following(&theirs(60_000));
    let stale = holds(BEFORE - 1, &theirs(5_000));
    let mut lost = Vec::new();
    while lost.is_empty() {
        d.push(stale.clone());
        lost = d.wake();
        lost.retain(|action| matches!(action, Action::Notice(Notice::DataLost { .. })));
    }
    assert_eq!(d.push(absent(9)), [absent_for(60_000)]);
}

#[test]
fn its_own_write_is_the_last_record() {
    let mut d = Driver::following(&theirs(60_000));
    d.campaign(&holds(BEFORE, &theirs(60_000)));
    d.acknowledge(TOKEN);
    assert!(d.push(absent(9)).contains(&absent_for(LEASE)));
}

/// Revisions restart after a loss of data, but the record's token is larger.
#[test]
fn a_record_after_lost_data_is_the_newest() {
    let mut d = Driver::following(&theirs(60_000));
    d.push(absent(0));
    d.acknowledge(1);
    let winner = Record::acquiring("other", "next", None, ms(LEASE), BEFORE);
    assert_eq!(d.push(holds(2, &winner)), []);
    assert!(d.push(absent(3)).contains(&absent_for(LEASE)));
}

#[test]
fn the_former_leader_waits_for_an_absent_key() {
    let mut d = Driver::leading();
    assert_eq!(
        d.at(1_000).push(absent(9)),
        [absent_for(LEASE), end(Ended::Deleted), d.read()]
    );
    assert_eq!(d.answer(absent(9)), []);
    assert_eq!(d.campaign(&absent(9)), (1_000 + LEASE, 9, mine(TOKEN)));
}

#[test]
fn a_key_without_messages_is_marked_first() {
    let mut d = Driver::new();
    d.tick();
    assert_eq!(
        d.answer(absent(0)),
        [absent_for(LEASE), write(2, 0, vacated(0, LEASE))]
    );
    // The wait starts at the acknowledgement, and then that revision is replaced.
    assert_eq!(d.at(1_000).acknowledge(5), []);
    assert!(d.follows());
    let vacant = holds(5, &vacated(0, LEASE));
    assert_eq!(d.campaign(&vacant), (1_000 + LEASE, 5, mine(0)));
    let deadline = 1_000 + 2 * LEASE - GUARD;
    assert_eq!(d.acknowledge(6), [begin(6, deadline), Action::Open]);
}

#[test]
fn a_mark_is_delayed_like_a_campaign() {
    let mut candidate = candidate();
    candidate.timing.campaign_delay = ms(20);
    let mut d = Driver::that_read(candidate, absent(0));
    assert_eq!(d.wake(), [write(2, 0, vacated(0, LEASE))]);
    assert!(d.now > at(0) && d.now <= at(20));
}

#[test]
fn the_wait_starts_when_the_mark_is_seen() {
    for (lease, wait) in [(5_000, LEASE), (60_000, 60_000)] {
        let vacant = holds(9, &vacated_by_other(0, lease));
        let mut d = Driver::that_read(candidate(), vacant.clone());
        assert_eq!(d.at(3_000).push(vacant.clone()), []);
        assert_eq!(d.campaign(&vacant), (wait, 9, mine(0)));
    }
}

#[test]
fn a_mark_names_the_longer_lease() {
    for (last, wait) in [(5_000, LEASE), (60_000, 60_000)] {
        let mut d = Driver::following(&theirs(last));
        assert_eq!(
            d.push(absent(0)),
            [absent_for(wait), write(2, 0, vacated(BEFORE, wait))]
        );
        d.acknowledge(9);
        let vacant = holds(9, &vacated(BEFORE, wait));
        assert_eq!(d.campaign(&vacant), (wait, 9, mine(BEFORE)));
    }
}

#[test]
fn a_refused_mark_is_followed_by_a_read() {
    let mut d = Driver::that_read(candidate(), absent(0));
    assert_eq!(d.end_write(Outcome::Conflict), [read(3)]);
    let vacant = holds(5, &vacated_by_other(0, LEASE));
    assert_eq!(d.at(100).answer(vacant.clone()), []);
    assert_eq!(d.campaign(&vacant), (100 + LEASE, 5, mine(0)));
}

#[test]
fn an_unknown_mark_is_followed_by_a_read() {
    let mut d = Driver::that_read(candidate(), absent(0));
    assert_eq!(d.end_write(Outcome::Unknown), [read(3)]);
    assert_eq!(d.answer(absent(0)), [write(4, 0, vacated(0, LEASE))]);
    d.end_write(Outcome::Unknown);
    d.wake_until(is_read);
    let seen = d.elapsed();
    let vacant = holds(5, &vacated(0, LEASE));
    assert_eq!(d.answer(vacant.clone()), []);
    assert_eq!(d.campaign(&vacant), (seen + LEASE, 5, mine(0)));
}

#[test]
fn a_mark_with_a_lower_floor_is_replaced() {
    let mut d = Driver::following(&theirs(LEASE));
    assert_eq!(
        d.at(1_000).push(holds(9, &vacated_by_other(3, LEASE))),
        [write(2, 9, vacated(BEFORE, LEASE))]
    );
    assert_eq!(d.at(2_000).acknowledge(10), []);
    let vacant = holds(10, &vacated(BEFORE, LEASE));
    assert_eq!(d.campaign(&vacant), (2_000 + LEASE, 10, mine(BEFORE)));
}

#[test]
fn a_mark_with_an_equal_floor_is_kept() {
    for floor in [BEFORE, 40] {
        let mut d = Driver::following(&theirs(LEASE));
        let vacant = holds(9, &vacated_by_other(floor, LEASE));
        assert_eq!(d.push(vacant.clone()), []);
        assert_eq!(d.machine.floor(), floor);
        assert_eq!(d.campaign(&vacant), (LEASE, 9, mine(floor)));
        assert_eq!(d.acknowledge(10).len(), 2);
        assert_eq!(d.machine.token(), Some(10.max(floor + 1)));
    }
}

/// An absence after a believed record is either a stale response or real. The outcome of a mark shows which.
#[test]
fn a_suspected_absence_is_tested_by_a_mark() {
    let mut d = Driver::following(&theirs(LEASE));
    let test = [absent_for(LEASE), write(2, 0, vacated(BEFORE, LEASE))];
    assert_eq!(d.at(1_000).push(absent(0)), test);
    assert_eq!(d.leader().map(|h| h.token()), Some(BEFORE.into()));
    // The refusal shows that the response was stale.
    assert_eq!(d.end_write(Outcome::Conflict), [read(3)]);
    assert_eq!(d.answer(holds(BEFORE, &theirs(LEASE))), []);
    assert_eq!(
        d.campaign(&holds(BEFORE, &theirs(LEASE))),
        (LEASE, BEFORE, mine(BEFORE))
    );
}

#[test]
fn the_first_refusal_drops_a_suspect() {
    let mut d = Driver::following(&theirs(LEASE));
    d.push(absent(0));
    assert_eq!(d.end_write(Outcome::Conflict), [read(3)]);
    assert_eq!(d.fail_read(), []);
    assert_eq!(d.wake(), [read(4)]);
}

/// The response may be stale, but a leader that had to read its key does not risk that.
#[test]
fn a_leader_whose_key_has_no_message_ends() {
    let mut d = Driver::renewing();
    d.end_write(Outcome::Unknown);
    let [first, second, third] = &d.answer(absent(0))[..] else {
        panic!("three actions");
    };
    assert_eq!(first, &absent_for(LEASE));
    assert_eq!(second, &end(Ended::Deleted));
    assert_eq!(third, &d.read());
}

#[test]
fn a_trusted_absent_key_is_free_at_once() {
    for revision in [0, 9] {
        let mut d = Driver::with(trusting());
        d.tick();
        let campaign = [write(2, revision, mine(0))];
        assert_eq!(d.answer(absent(revision)), campaign);
        assert_eq!(d.acknowledge(10), [begin(10, LEASE - GUARD), Action::Open]);
    }
}

#[test]
fn a_trusting_candidate_still_waits_for_a_record() {
    let seen = holds(9, &theirs(LEASE));
    let mut d = Driver::that_read(trusting(), seen.clone());
    assert_eq!(d.campaign(&seen), (LEASE, 9, mine(9)));
}

/// A mark only makes candidates wait that do not trust an absent key.
#[test]
fn a_trusting_candidate_ignores_a_mark() {
    let mut d = Driver::with(trusting());
    d.tick();
    let vacant = holds(9, &vacated_by_other(0, LEASE));
    assert_eq!(d.answer(vacant), [write(2, 9, mine(0))]);
}

/// Between two observations of an absent key, a term may have started and its record may have been removed.
#[test]
fn two_absences_with_a_term_between_are_safe() {
    let [mut first, mut second] = ["first", "second"].map(|session| {
        let session = session.to_owned();
        let me = Candidate {
            session,
            ..candidate()
        };
        Driver::that_read(me, absent(0))
    });
    // The first mark is applied. The second mark is still in progress.
    first.acknowledge(1);
    let vacant = holds(1, &first.written().1.clone());
    assert_eq!(first.campaign(&vacant).0, LEASE);
    first.acknowledge(2);
    assert!(first.leads());
    // An operator purges the key, so that the second mark is applied.
    second.at(LEASE + 1).acknowledge(3);
    let vacant = holds(3, &second.written().1.clone());
    assert_eq!(second.campaign(&vacant).0, 2 * LEASE + 1);
    assert!(first.machine.deadline().unwrap() < second.now);
}

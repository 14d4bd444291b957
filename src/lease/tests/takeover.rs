//! Takeovers of a record with a holder.

use super::{super::*, harness::*};

#[test]
fn a_takeover_waits_for_the_records_lease() {
    for lease in [200, 5_000, LEASE, 60_000] {
        let mut d = Driver::following(&theirs(lease));
        let campaigned = d.campaign(&holds(BEFORE, &theirs(lease)));
        assert_eq!(campaigned, (lease, BEFORE, mine(BEFORE)));
    }
}

#[test]
fn a_takeover_needs_the_whole_lease() {
    let mut d = Driver::following(&theirs(LEASE));
    d.keep_reading(&holds(BEFORE, &theirs(LEASE)), LEASE);
    assert_eq!(d.tick_at(LEASE - 1), []);
    assert_eq!(d.tick_at(LEASE), [d.write(BEFORE, mine(BEFORE))]);
}

#[test]
fn a_takeover_has_a_random_delay() {
    let mut candidate = candidate();
    candidate.timing.campaign_delay = ms(20);
    let seen = holds(BEFORE, &theirs(LEASE));
    let mut d = Driver::that_read(candidate, seen.clone());
    // The machine wakes at the end of the lease to publish that the holder no longer leads.
    d.keep_reading(&seen, LEASE);
    assert_eq!(d.wake(), []);
    assert_eq!(d.elapsed(), LEASE);
    assert_eq!(d.wake(), [d.write(BEFORE, mine(BEFORE))]);
    assert!(d.now > at(LEASE) && d.now <= at(LEASE + 20));
}

#[test]
fn a_repeated_revision_does_not_change_the_wait() {
    let mut d = Driver::following(&theirs(LEASE));
    let seen = holds(BEFORE, &theirs(LEASE));
    for now in [1, 4_000, 8_000, 12_000, LEASE - 1] {
        assert_eq!(d.at(now).push(seen.clone()), [], "{now}");
    }
    assert_eq!(d.campaign(&seen), (LEASE, BEFORE, mine(BEFORE)));
}

#[test]
fn a_renewal_restarts_the_wait() {
    let mut d = Driver::following(&theirs(LEASE));
    let renewal = holds(8, &theirs(LEASE).renewed(BEFORE, 1));
    assert_eq!(d.at(5_000).push(renewal.clone()), []);
    assert_eq!(d.campaign(&renewal), (5_000 + LEASE, 8, mine(BEFORE)));
}

#[test]
fn a_renewal_can_change_the_wait() {
    let mut d = Driver::following(&theirs(LEASE));
    let renewal = holds(8, &theirs(2 * LEASE).renewed(BEFORE, 1));
    assert_eq!(d.at(5_000).push(renewal.clone()), []);
    assert_eq!(d.campaign(&renewal), (5_000 + 2 * LEASE, 8, mine(BEFORE)));
}

#[test]
fn a_stale_push_does_not_change_the_wait() {
    let mut d = Driver::following(&theirs(LEASE));
    let renewal = holds(8, &theirs(LEASE).renewed(BEFORE, 1));
    d.at(5_000).push(renewal.clone());
    for now in [5_001, 9_000, 14_000] {
        assert_eq!(d.at(now).push(holds(BEFORE, &theirs(LEASE))), []);
    }
    assert_eq!(d.campaign(&renewal), (5_000 + LEASE, 8, mine(BEFORE)));
}

#[test]
fn the_loser_of_a_takeover_reads_and_follows() {
    let mut d = Driver::following(&theirs(LEASE));
    d.keep_reading(&holds(BEFORE, &theirs(LEASE)), LEASE);
    d.tick_at(LEASE);
    assert_eq!(d.end_write(Outcome::Conflict), [d.read()]);
    let winner = Record::acquiring("winner", "another", None, ms(LEASE), BEFORE);
    assert_eq!(d.answer(holds(8, &winner)), []);
    assert_eq!(d.leader().map(|h| h.id().to_owned()).unwrap(), "winner");
    assert_eq!(d.campaign(&holds(8, &winner)), (2 * LEASE, 8, mine(8)));
}

#[test]
fn a_second_refusal_causes_a_pause() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.end_write(Outcome::Conflict), [read(3)]);
    assert_eq!(
        d.answer(holds(BEFORE, &released())),
        [write(4, BEFORE, mine(BEFORE))]
    );
    assert_eq!(d.end_write(Outcome::Conflict), []);
    assert_eq!(d.wake(), [read(5)]);
    assert!((500..=1_000).contains(&d.elapsed()), "{}", d.elapsed());
}

/// An id identifies no process: an earlier process with the same id may still act, on its own clock.
#[test]
fn a_record_of_an_earlier_process_is_foreign() {
    let earlier = Record::acquiring("me", "earlier", None, ms(LEASE), BEFORE - 1);
    let mut d = Driver::following(&earlier);
    assert_eq!(d.leader_at(at(0)).map(|h| h.id().to_owned()).unwrap(), "me");
    assert_eq!(
        d.campaign(&holds(BEFORE, &earlier)),
        (LEASE, BEFORE, mine(BEFORE))
    );
}

#[test]
fn garbage_is_treated_as_a_holder() {
    let mut d = Driver::new();
    d.tick();
    let why = Record::decode(9, b"hello").unwrap_err();
    let notice = Action::Notice(Notice::Garbage { revision: 9, why });
    assert_eq!(d.answer(garbage(9)), [notice]);
    assert_eq!(d.campaign(&garbage(9)), (LEASE, 9, mine(0)));
}

#[test]
fn garbage_is_honoured_for_the_longer_lease() {
    for (last, wait) in [(5_000, LEASE), (60_000, 60_000)] {
        let mut d = Driver::following(&theirs(last));
        d.at(1_000).push(garbage(9));
        assert_eq!(d.campaign(&garbage(9)), (1_000 + wait, 9, mine(BEFORE)));
    }
}

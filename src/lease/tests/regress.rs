//! Revisions that go backwards, in a stale response or on a server that lost data, and tokens, which never decrease.

use super::{super::*, harness::*};

/// A follower of a record at revision 100.
fn far_ahead() -> Driver {
    Driver::that_read(candidate(), holds(100, &theirs(LEASE).renewed(BEFORE, 9)))
}

/// The state of the key after the server lost data.
fn restored() -> Observation {
    holds(5, &theirs(LEASE))
}

#[test]
fn a_decreasing_revision_ends_the_term() {
    let mut d = Driver::renewing();
    let lost = d.elapsed();
    assert_eq!(
        d.acknowledge(TOKEN),
        [data_lost(TOKEN, TOKEN), end(Ended::DataLost), d.read()]
    );
    // It believes the read, because the acknowledgement proved its view wrong, and waits one lease.
    let seen = holds(3, &theirs(LEASE));
    assert_eq!(d.answer(seen.clone()), [data_lost(TOKEN, 3)]);
    assert_eq!(d.campaign(&seen), (lost + LEASE, 3, mine(TOKEN)));
}

#[test]
fn acquiring_ack_at_older_revision_begins_no_term() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.acknowledge(3), [data_lost(BEFORE, 3), read(3)]);
    assert!(d.follows());
}

/// The believed record is its own, but the revision was also observed with another record.
#[test]
fn a_contested_revision_is_not_released() {
    // A late observation of its own record, or of an older one, does not change that.
    for late in [
        None,
        Some(holds(TOKEN, &mine(BEFORE))),
        Some(holds(5, &released())),
    ] {
        let mut d = Driver::leading();
        assert_eq!(d.tick_at(LEASE - GUARD), [end(Ended::Expired), d.read()]);
        d.answer(holds(TOKEN, &theirs(LEASE)));
        if let Some(late) = late {
            d.push(late);
        }
        d.feed(Input::Shutdown);
        let settled = d.feed(Input::Drained { token: 0 });
        assert_eq!(settled, [Action::Settled(Settled::LeftToExpire)]);
    }
}

/// Only a server that lost the leader's record can have another one at its revision.
#[test]
fn another_record_at_own_revision_ends_term() {
    for seen_by_read in [false, true] {
        let mut d = Driver::leading();
        let other = holds(TOKEN, &theirs(LEASE));
        let actions = if seen_by_read {
            d.wake_until(is_write);
            d.end_write(Outcome::Failed);
            d.wake_until(is_read);
            d.answer(other)
        } else {
            d.push(other)
        };
        assert_eq!(actions[0], end(Ended::DataLost), "{seen_by_read}");
        assert!(d.follows());
    }
}

/// The renewal was in progress when the term ended, and replaced the other record.
#[test]
fn a_later_uncontested_revision_is_released() {
    let mut d = Driver::renewing();
    assert_eq!(d.push(holds(TOKEN, &theirs(LEASE))), [end(Ended::DataLost)]);
    d.acknowledge(9);
    d.feed(Input::Shutdown);
    d.feed(Input::Drained { token: 0 });
    let actions = d.answer(holds(9, &renewed(TOKEN, 1)));
    assert_eq!(actions, [d.write(9, released_by_me(TOKEN))]);
}

#[test]
fn another_suspect_does_not_free_a_contested_revision() {
    let seen = holds(BEFORE, &theirs(LEASE));
    let other = holds(BEFORE, &theirs(LEASE).renewed(2_000, 2));
    let mut d = Driver::that_read(candidate(), seen.clone());
    assert_eq!(d.at(14_000).push(other), []);
    assert_eq!(d.push(holds(5, &theirs(LEASE))), []);
    assert_eq!(d.campaign(&seen), (14_000 + LEASE, BEFORE, mine(BEFORE)));
}

/// The suspect is a vacant mark, and the candidate's own mark over it is refused.
#[test]
fn a_refusal_does_not_free_a_contested_revision() {
    let seen = holds(BEFORE, &theirs(LEASE));
    let mut d = Driver::that_read(candidate(), seen.clone());
    let mark = Record::acquiring("new", "new", None, ms(LEASE), 0).vacant(ms(LEASE));
    d.at(14_000).push(holds(BEFORE, &mark));
    assert!(d.written().1.vacant);
    d.end_write(Outcome::Conflict);
    d.answer(seen.clone());
    assert_eq!(d.campaign(&seen), (14_000 + LEASE, BEFORE, mine(BEFORE)));
}

#[test]
fn a_contested_revision_is_not_marked() {
    let before = Record::acquiring("other", "theirs", None, ms(LEASE), 40);
    let mut d = Driver::that_read(candidate(), holds(9, &before));
    assert!(d.push(garbage(10)).iter().any(is_write));
    let other = holds(10, &theirs(LEASE));
    assert_eq!(d.push(other.clone()), []);
    assert_eq!(d.end_write(Outcome::Failed), []);
    d.wake_until(is_read);
    assert_eq!(d.answer(other), []);
    assert_eq!(d.push(garbage(10)), []);
}

#[test]
fn an_older_revision_is_only_suspected() {
    let mut d = far_ahead();
    assert_eq!(d.at(1_000).push(restored()), []);
    // The believed holder is still named, and the next read refutes the suspect.
    assert_eq!(d.leader().map(|h| h.token()), Some(BEFORE.into()));
    let seen = holds(100, &theirs(LEASE).renewed(BEFORE, 9));
    assert_eq!(d.campaign(&seen), (LEASE, 100, mine(BEFORE)));
}

#[test]
fn an_older_revision_is_believed_after_its_lease() {
    let long = holds(5, &theirs(2 * LEASE));
    for (older, lease) in [(restored(), LEASE), (long, 2 * LEASE)] {
        let mut d = Driver::that_read(candidate(), holds(100, &theirs(4 * LEASE)));
        d.at(1_000).push(older.clone());
        d.keep_reading(&older, 1_000 + lease);
        assert_eq!(d.wake(), [data_lost(100, 5), d.write(5, mine(100))]);
        assert_eq!(d.elapsed(), 1_000 + lease);
    }
}

/// A released key is free at once, but an older release may have been replaced long ago.
#[test]
fn an_older_release_waits_for_a_lease() {
    let mut d = Driver::that_read(candidate(), holds(100, &theirs(4 * LEASE)));
    let older = holds(5, &released());
    assert_eq!(d.at(1_000).push(older.clone()), []);
    d.keep_reading(&older, 1_000 + LEASE);
    assert_eq!(d.wake(), [data_lost(100, 5), d.write(5, mine(100))]);
}

#[test]
fn a_refuted_suspect_starts_a_new_wait() {
    let believed = holds(100, &theirs(4 * LEASE));
    let mut d = Driver::that_read(candidate(), believed.clone());
    d.at(1_000).push(restored());
    d.at(2_000).push(believed);
    d.at(3_000).push(restored());
    d.keep_reading(&restored(), 3_000 + LEASE);
    assert!(d.wake().contains(&data_lost(100, 5)));
    assert_eq!(d.elapsed(), 3_000 + LEASE);
}

#[test]
fn each_older_revision_is_waited_for_anew() {
    let mut d = Driver::that_read(candidate(), holds(100, &theirs(4 * LEASE)));
    d.at(1_000).push(restored());
    let other = holds(6, &theirs(LEASE));
    d.at(3_000).push(other.clone());
    d.keep_reading(&other, 1_000 + LEASE);
    assert_eq!(d.wake(), [data_lost(100, 6)]);
    assert_eq!(d.campaign(&other), (3_000 + LEASE, 6, mine(100)));
}

#[test]
fn another_content_at_the_revision_is_suspected() {
    let mut d = Driver::that_read(candidate(), holds(100, &theirs(4 * LEASE)));
    let other = holds(100, &theirs(LEASE));
    assert_eq!(d.at(1_000).push(other.clone()), []);
    d.keep_reading(&other, 1_000 + LEASE);
    assert_eq!(d.wake(), [data_lost(100, 100), d.write(100, mine(100))]);
}

/// A recreated bucket restarts its revisions, so a revision can occur twice.
#[test]
fn a_contested_revision_is_not_taken_over() {
    let mut d = Driver::that_read(candidate(), holds(6, &theirs(LEASE)));
    let other = holds(6, &theirs(LEASE).renewed(2_000, 2));
    assert_eq!(d.at(14_000).push(other.clone()), []);
    d.keep_reading(&other, 14_000 + LEASE);
    assert_eq!(d.wake(), [data_lost(6, 6), d.write(6, mine(2_000))]);
    assert_eq!(d.elapsed(), 14_000 + LEASE);
}

#[test]
fn late_reads_do_not_free_a_contested_revision() {
    let before = holds(6, &theirs(LEASE));
    let mut d = Driver::that_read(candidate(), before.clone());
    d.at(14_000)
        .push(holds(6, &theirs(LEASE).renewed(2_000, 2)));
    assert_eq!(d.push(before.clone()), []);
    assert_eq!(d.campaign(&before), (14_000 + LEASE, 6, mine(7)));
}

#[test]
fn a_read_after_a_refusal_is_believed() {
    let mut d = far_ahead();
    d.keep_reading(&holds(100, &theirs(LEASE).renewed(BEFORE, 9)), LEASE);
    d.tick_at(LEASE);
    assert_eq!(d.end_write(Outcome::Conflict), [d.read()]);
    assert_eq!(d.answer(restored()), [data_lost(100, 5)]);
    assert_eq!(d.campaign(&restored()), (2 * LEASE, 5, mine(BEFORE)));
}

#[test]
fn a_read_does_not_overrule_a_newer_push() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.end_write(Outcome::Conflict), [read(3)]);
    assert_eq!(d.push(holds(8, &theirs(LEASE))), []);
    assert_eq!(d.answer(holds(BEFORE, &released())), []);
    assert_eq!(d.leader().map(|h| h.token()), Some(8.into()));
    assert_eq!(d.campaign(&holds(8, &theirs(LEASE))), (LEASE, 8, mine(8)));
}

#[test]
fn stale_pushes_do_not_end_a_term() {
    let mut d = Driver::renewing();
    for seen in [holds(BEFORE, &released()), absent(3), garbage(4)] {
        d.push(seen);
        assert!(d.leads());
    }
}

#[test]
fn a_mark_below_the_believed_revision_reports_loss() {
    let mut d = far_ahead();
    d.at(1_000).push(absent(0));
    assert_eq!(d.at(2_000).acknowledge(1), [data_lost(100, 1)]);
    let vacant = holds(1, &mine(BEFORE).vacant(ms(LEASE)));
    assert_eq!(d.campaign(&vacant), (2_000 + LEASE, 1, mine(BEFORE)));
}

#[test]
fn the_token_exceeds_every_token_seen() {
    let mut d = Driver::that_read(candidate(), holds(100, &theirs(LEASE).renewed(90, 9)));
    d.at(1_000).push(absent(0));
    d.at(2_000).acknowledge(1);
    let vacant = holds(1, &mine(90).vacant(ms(LEASE)));
    assert_eq!(d.campaign(&vacant), (2_000 + LEASE, 1, mine(90)));
    let deadline = 2_000 + 2 * LEASE - GUARD;
    assert_eq!(d.acknowledge(2), [begin(91, deadline), Action::Open]);
    assert!(d.wake().iter().any(is_write));
    assert_eq!(d.written(), (2, &renewed(91, 1)));
}

#[test]
fn the_token_is_the_revision_if_larger() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.acknowledge(20), [begin(20, LEASE - GUARD), Action::Open]);
}

/// Followers compute the token of an acquiring record from the record and its revision.
#[test]
fn the_token_matches_what_followers_compute() {
    let mut d = Driver::acquiring(candidate());
    d.push(holds(8, &mine(BEFORE)));
    d.acknowledge(8);
    assert_eq!(d.machine.token(), Some(mine(BEFORE).token_at(8)));
}

#[test]
fn the_largest_accepted_token_leaves_room_for_more() {
    let largest = theirs(LEASE).renewed(BEFORE + (1 << 48), 1);
    let seen = holds(BEFORE, &largest);
    assert!(Record::decode(BEFORE, &largest.encode()).is_ok());
    let mut d = Driver::following(&largest);
    d.campaign(&seen);
    let (_, campaign) = d.written();
    assert_eq!(Record::decode(8, &campaign.encode()).as_ref(), Ok(campaign));
    d.acknowledge(8);
    assert!(d.wake().iter().any(is_write));
    let (_, renewal) = d.written();
    assert_eq!(Record::decode(9, &renewal.encode()).as_ref(), Ok(renewal));
}

/// A candidate that does not know the last token must learn it before it takes the key over.
#[test]
fn a_suspected_mark_with_low_floor_is_replaced() {
    let mut d = far_ahead();
    let newcomer = Record::acquiring("new", "new", None, ms(LEASE), 0);
    let actions = d.at(1_000).push(holds(1, &newcomer.vacant(ms(LEASE))));
    assert_eq!(actions, [write(2, 1, mine(BEFORE).vacant(ms(LEASE)))]);
}

#[test]
fn the_floor_survives_lost_data() {
    for seen in [absent(4), garbage(4)] {
        let mut d = far_ahead();
        d.at(1_000).push(absent(0));
        d.acknowledge(1);
        d.at(2_000).push(seen);
        let mark = mine(BEFORE).vacant(ms(LEASE));
        assert_eq!(d.written(), (4, &mark));
    }
}

#[test]
fn a_cool_down_does_not_delay_a_mark() {
    let mut d = far_ahead();
    assert_eq!(d.feed(Input::StepDown), [Action::Close]);
    let settled = d.feed(Input::Drained { token: 0 });
    assert_eq!(settled, [Action::Settled(Settled::Released)]);
    let mark = mine(BEFORE).vacant(ms(LEASE));
    assert_eq!(d.push(absent(0)), [absent_for(LEASE), write(2, 0, mark)]);
}

/// The server lost data and a leader renews there, so that each observation is another older revision. Returns the time
/// from the first observation until the observer knows the leader, in ms.
fn until_known(mut look: impl FnMut(&mut Driver, Observation)) -> u64 {
    let observer = Candidate {
        observer: true,
        ..candidate()
    };
    let before = holds(1_000, &theirs(LEASE).renewed(900, 9));
    let mut d = Driver::that_read(observer, before);
    let mut first = None;
    for renewal in 1..=30 {
        let seen = holds(3 + renewal, &theirs(LEASE).renewed(2_000, renewal));
        look(&mut d, seen);
        let since = d.elapsed() - *first.get_or_insert(d.elapsed());
        if d.leader().is_some_and(|h| h.token() == 2_000.into()) {
            return since;
        }
    }
    panic!("the leader is not recognized");
}

#[test]
fn an_observer_recognizes_leaders_after_lost_data() {
    let pushed = until_known(|d, seen| {
        d.at(d.elapsed() + 5_000).push(seen);
    });
    assert_eq!(pushed, LEASE);
    let read = until_known(|d, seen| {
        d.wake_until(is_read);
        d.answer(seen);
    });
    assert!((LEASE..LEASE + 10_000).contains(&read), "{read}");
}

/// The leader is recognized sooner, but its record is not written over before it was unchanged for a lease.
#[test]
fn a_believed_suspect_is_waited_out_separately() {
    let mut d = Driver::that_read(candidate(), holds(1_000, &theirs(4 * LEASE)));
    for (renewal, ms) in [(1, 1_000), (2, 6_000), (3, 11_000)] {
        let seen = holds(3 + renewal, &theirs(LEASE).renewed(2_000, renewal));
        assert_eq!(d.at(ms).push(seen), []);
    }
    let last = holds(6, &theirs(LEASE).renewed(2_000, 3));
    d.keep_reading(&last, 1_000 + LEASE);
    assert_eq!(d.wake(), [data_lost(1_000, 6)]);
    assert_eq!(d.elapsed(), 1_000 + LEASE);
    assert_eq!(d.campaign(&last), (11_000 + LEASE, 6, mine(2_000)));
}

/// If the key was suspected to be absent, the wait restarts with the next suspect.
#[test]
fn an_absence_restarts_the_wait_for_suspects() {
    let mut d = Driver::that_read(candidate(), holds(1_000, &theirs(4 * LEASE)));
    d.at(1_000).push(restored());
    assert!(d.at(6_000).push(absent(0)).iter().any(is_write));
    assert_eq!(d.end_write(Outcome::Unknown), [d.read()]);
    let seen = holds(6, &theirs(LEASE));
    d.answer(seen.clone());
    d.keep_reading(&seen, 6_000 + LEASE);
    assert!(d.wake().contains(&data_lost(1_000, 6)));
    assert_eq!(d.elapsed(), 6_000 + LEASE);
}

#[test]
fn a_suspected_absence_keeps_the_known_leader() {
    let mut d = far_ahead();
    d.wake_until(is_read);
    assert!(d.answer(absent(0)).iter().any(is_write));
    assert_eq!(d.leader().map(|h| h.token()), Some(BEFORE.into()));
}

#[test]
fn a_refused_write_drops_its_suspect() {
    let mut d = far_ahead();
    let newcomer = Record::acquiring("new", "new", None, ms(LEASE), 0);
    d.at(1_000).push(holds(1, &newcomer.vacant(ms(LEASE))));
    assert_eq!(d.end_write(Outcome::Conflict), [d.read()]);
    // No further observation arrives until the suspect would have been believed.
    while d.elapsed() <= 1_000 + LEASE {
        d.fail_read();
        let actions = d.wake();
        assert!(actions.iter().all(is_read), "{actions:?}");
    }
}

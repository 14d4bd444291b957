//! Orders of events that the machine once got wrong.

use super::{super::*, harness::*};

#[test]
fn its_own_record_pushed_before_the_acknowledgement_is_no_loss_of_data() {
    let mut d = Driver::acquiring(candidate());
    d.push(holds(8, &mine(7)));
    let actions = d.acknowledge(8);
    assert!(!actions.contains(&data_lost(8, 8)), "{actions:?}");
}

/// All the others compute the token of an acquiring record from the record and its revision.
#[test]
fn the_token_is_the_one_that_the_others_compute_from_the_record() {
    let mut d = Driver::acquiring(candidate());
    d.push(holds(8, &mine(7)));
    d.acknowledge(8);
    assert_eq!(d.machine.token(), Some(mine(7).token_at(8)));
}

#[test]
fn an_acknowledgement_behind_the_news_of_a_deletion_begins_no_term() {
    let mut d = Driver::acquiring(candidate());
    d.push(absent(9));
    d.acknowledge(8);
    assert_eq!(d.machine.role(), Role::Following);
}

#[test]
fn an_acknowledged_renewal_behind_the_news_of_a_deletion_does_not_bring_the_record_back() {
    let mut d = Driver::renewing();
    let deleted_at = d.elapsed();
    assert_eq!(d.push(absent(10)), [absent_for(LEASE), end(Ended::Deleted)]);
    d.at(deleted_at + 100).acknowledge(9);
    d.at(deleted_at + 200).answer(absent(10));
    d.keep_reading(&absent(10), deleted_at + LEASE);
    assert_eq!(d.wake(), [d.write(10, mine(8))]);
    assert_eq!(d.elapsed(), deleted_at + LEASE);
}

#[test]
fn a_read_after_a_conflict_does_not_overrule_news_that_came_later() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.end_write(Outcome::Conflict), [read(3)]);
    d.push(holds(8, &theirs(LEASE)));
    assert_eq!(d.answer(holds(7, &released())), []);
    assert!(d.machine.holder(d.now).is_some());
}

/// Between two sightings of an absent key, somebody may have come, and been removed without a trace.
#[test]
fn an_absence_without_a_revision_is_not_known_to_be_the_same_absence() {
    let waits = |session: &str| {
        let session = session.to_owned();
        let mut d = Driver::that_read(
            Candidate {
                session,
                ..candidate()
            },
            absent(0),
        );
        d.keep_reading(&absent(0), LEASE);
        d.tick_at(LEASE);
        d
    };
    let (mut first, mut second) = (waits("first"), waits("second"));
    first.at(LEASE + 1).acknowledge(1);
    // An operator purges the stream here. The second write was under way, and now finds nothing again.
    second.at(LEASE + 2).acknowledge(2);
    let open = [first, second].map(|d| d.machine.role() == Role::Leading);
    assert_ne!(open, [true, true]);
}

#[test]
fn the_largest_token_that_is_believed_does_not_make_every_later_record_garbage() {
    let largest = theirs(LEASE).renewed(u64::MAX / 2, 1);
    let mut d = Driver::following(&largest);
    d.keep_reading(&holds(7, &largest), LEASE);
    d.tick_at(LEASE);
    d.acknowledge(8);
    assert!(d.wake().iter().any(is_write));
    let (_, renewal) = d.written();
    assert_eq!(Record::decode(8, &renewal.encode()).as_ref(), Ok(renewal));
}

//! A process image that runs twice, as after cloning a running virtual machine: the copy has the same nonce.

use super::{super::*, harness::*};

const OTHER: WriteId = WriteId::from_bits(8);

const TWICE: Action = Action::Notice(Notice::RunsTwice { revision: 9 });

/// The renewal number 1 of this candidate's term, as a copy of it wrote it.
fn renewed_by_copy() -> Record {
    renewed(TOKEN, 1).written_as(OTHER)
}

#[test]
fn a_renewal_by_a_copy_ends_the_term() {
    let mut d = Driver::leading();
    assert_eq!(
        d.at(1_000).push(holds(9, &renewed_by_copy())),
        [TWICE, end(Ended::Overwritten), d.read()]
    );
    // It is waited for like any other leader's record.
    let seen = holds(9, &renewed_by_copy());
    assert_eq!(d.answer(seen.clone()), []);
    assert_eq!(d.leader().map(|h| h.token()), Some(TOKEN.into()));
    assert_eq!(d.campaign(&seen), (1_000 + LEASE, 9, mine(TOKEN)));
}

#[test]
fn an_unknown_write_does_not_cover_another_id() {
    let mut d = Driver::acquiring(candidate());
    d.end_write(Outcome::Unknown);
    let copy = mine(BEFORE).written_as(OTHER);
    assert_eq!(d.answer(holds(9, &copy)), [TWICE]);
    assert_eq!(d.campaign(&holds(9, &copy)).0, LEASE);
}

#[test]
fn each_unrefused_write_is_recognized() {
    let mut d = Driver::acquiring(candidate());
    d.end_write(Outcome::Unknown);
    d.write_id = OTHER;
    let late = d.answer(holds(BEFORE, &released()));
    assert_eq!(late, [write(4, BEFORE, mine(BEFORE).written_as(OTHER))]);
    d.end_write(Outcome::Unknown);
    d.wake_until(is_read);
    // The first of the two writes was applied.
    let own = holds(8, &mine(BEFORE));
    assert_eq!(d.answer(own).len(), 1);
    assert_eq!(d.written().0, 8);
}

/// Both send the same write, since the image was made after its id was drawn. One of the two is refused.
#[test]
fn a_refused_write_is_not_its_own() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.end_write(Outcome::Conflict), [read(3)]);
    let seen = holds(9, &mine(BEFORE));
    assert_eq!(d.answer(seen.clone()), [TWICE]);
    assert_eq!(d.campaign(&seen).0, LEASE);
}

/// The push shows the write of the copy before its own is refused.
#[test]
fn a_refusal_after_the_push_disowns_the_record() {
    let mut d = Driver::leading();
    d.write_id = OTHER;
    d.wake();
    let sent = d.elapsed();
    let copy = holds(9, &renewed_by_copy());
    assert_eq!(d.at(sent + 100).push(copy.clone()), []);
    assert!(d.leads());
    let actions = d.at(sent + 200).end_write(Outcome::Conflict);
    assert_eq!(actions, [TWICE, end(Ended::Overwritten), d.read()]);
    d.answer(copy.clone());
    assert_eq!(d.campaign(&copy).0, sent + 200 + LEASE);
}

#[test]
fn a_record_without_an_id_is_foreign() {
    let mut record = renewed(TOKEN, 1);
    record.write_id = None;
    let mut d = Driver::leading();
    let actions = d.push(holds(9, &record));
    assert_eq!(actions, [TWICE, end(Ended::Overwritten), d.read()]);
}

#[test]
fn a_release_by_a_copy_ends_the_term() {
    let mut d = Driver::leading();
    let release = released_by_me(TOKEN).written_as(OTHER);
    let actions = d.push(holds(9, &release));
    assert_eq!(actions, [TWICE, end(Ended::Overwritten), d.read()]);
}

#[test]
fn a_record_of_a_copy_is_not_released() {
    let mut d = Driver::leading();
    d.push(holds(9, &renewed_by_copy()));
    d.feed(Input::Shutdown);
    let settled = d.feed(Input::Drained { token: 0 });
    assert_eq!(settled, [Action::Settled(Settled::Released)]);
}

/// A stale response may show a write that is no longer remembered.
#[test]
fn older_record_is_no_evidence_of_a_copy() {
    let mut d = Driver::renewing();
    d.acknowledge(9);
    let old = mine(BEFORE).written_as(OTHER);
    assert_eq!(d.push(holds(TOKEN, &old)), []);
    assert!(d.leads());
}

/// The same, once the key has vanished and any record is newer than none.
#[test]
fn older_record_after_an_absence_is_no_evidence_of_a_copy() {
    let mut d = Driver::renewing();
    d.acknowledge(9);
    d.wake_until(is_write);
    d.end_write(Outcome::Failed);
    d.wake_until(is_read);
    d.answer(Observation::absent());
    assert!(d.follows());
    let old = holds(TOKEN, &mine(BEFORE).written_as(OTHER));
    let lost = d.elapsed();
    let is_alarm = |a: &Action| matches!(a, Action::Notice(Notice::RunsTwice { .. }));
    assert!(!d.answer(old.clone()).iter().any(is_alarm));
    // It is waited for like any other leader's record.
    assert!(d.campaign(&old).0 >= lost + LEASE);
}

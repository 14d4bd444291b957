//! Tokens that contain the time, for the case that the server loses writes.

use super::{super::*, harness::*};
use crate::clock::WallTime;

/// In 2027.
const TIME: u64 = 1_800_000_000_000;

fn shows(ms: u64) -> Option<WallTime> {
    Some(WallTime::from_unix_ms(ms))
}

/// A candidate whose wall clock shows `ms`, and that has just read the key.
fn that_read(ms: u64, seen: Observation) -> (Driver, Vec<Action>) {
    let mut d = Driver::new();
    d.wall = shows(ms);
    assert_eq!(d.tick(), [read(1)]);
    let actions = d.answer(seen);
    (d, actions)
}

#[test]
fn an_acquiring_write_contains_the_time() {
    let (mut d, actions) = that_read(TIME, holds(BEFORE, &released()));
    assert_eq!(actions, [write(2, BEFORE, mine(TIME - 1))]);
    assert_eq!(
        d.acknowledge(TOKEN),
        [begin(TIME, LEASE - GUARD), Action::Open]
    );
    // The term keeps its token, whatever the clock shows next.
    d.wall = shows(TIME + 60_000);
    assert_eq!(d.wake(), [d.write(TOKEN, renewed(TIME, 1))]);
    d.acknowledge(9);
    d.feed(Input::Shutdown);
    let actions = d.feed(Input::Drained { token: TIME });
    let release = d.write(9, released_by_me(TIME));
    assert_eq!(actions, [end(Ended::Released), release]);
}

#[test]
fn the_time_is_that_of_the_decision() {
    let (mut d, _) = that_read(TIME, holds(BEFORE, &theirs(LEASE)));
    let seen = holds(BEFORE, &theirs(LEASE));
    d.keep_reading(&seen, LEASE);
    d.wall = shows(TIME + LEASE);
    assert_eq!(d.tick_at(LEASE), [d.write(BEFORE, mine(TIME + LEASE - 1))]);
}

#[test]
fn higher_known_token_counts_more_than_time() {
    let known = theirs(LEASE).released(TIME + 5);
    let (mut d, actions) = that_read(TIME, holds(BEFORE, &known));
    assert_eq!(actions, [write(2, BEFORE, mine(TIME + 5))]);
    d.acknowledge(TOKEN);
    assert_eq!(d.machine.token(), Some(TIME + 6));
}

#[test]
fn a_higher_revision_counts_more_than_the_time() {
    let (mut d, _) = that_read(TIME, holds(2 * TIME, &released()));
    d.acknowledge(2 * TIME + 1);
    assert_eq!(d.machine.token(), Some(2 * TIME + 1));
}

/// The server loses the first term, and gives its revision again.
#[test]
fn lost_writes_do_not_repeat_a_token() {
    let token = |ms| {
        let (mut d, _) = that_read(ms, holds(BEFORE, &released()));
        d.acknowledge(TOKEN);
        d.machine.token()
    };
    assert_eq!(token(TIME), Some(TIME));
    assert_eq!(token(TIME + 1), Some(TIME + 1));
}

/// Two candidates would otherwise replace each other's marks without end.
#[test]
fn marks_and_releases_contain_no_time() {
    let (mut d, actions) = that_read(TIME, absent(0));
    let mark = mine(0).vacant(ms(LEASE));
    assert_eq!(actions, [absent_for(LEASE), write(2, 0, mark.clone())]);
    d.acknowledge(5);
    assert_eq!(d.machine.floor(), 0);
    let newer = holds(6, &theirs(LEASE).vacant(ms(LEASE)));
    assert_eq!(d.push(newer), []);
}

/// The record was never in the key, so that its floor is no knowledge.
#[test]
fn a_refused_acquisition_raises_no_floor() {
    let (mut d, _) = that_read(TIME, holds(BEFORE, &released()));
    d.end_write(Outcome::Conflict);
    d.answer(holds(8, &theirs(LEASE)));
    assert_eq!(d.machine.floor(), 8);
}

#[test]
fn implausible_time_is_logged_once_and_unused() {
    let off = |shown| Action::Notice(Notice::WallClockOff { shown });
    let year_1970 = WallTime::from_unix_ms(0);
    let mut d = Driver::new();
    d.wall = Some(year_1970);
    assert_eq!(d.tick(), [off(year_1970), read(1)]);
    assert_eq!(
        d.answer(holds(BEFORE, &released())),
        [write(2, BEFORE, mine(BEFORE))]
    );
    d.wall = shows(TIME);
    d.acknowledge(TOKEN);
    d.wall = shows(u64::MAX);
    let actions = d.wake();
    assert_eq!(
        actions,
        [
            off(WallTime::from_unix_ms(u64::MAX)),
            d.write(TOKEN, renewed(TOKEN, 1))
        ]
    );
}

#[test]
fn an_observer_ignores_its_wall_clock() {
    let me = Candidate {
        observer: true,
        ..candidate()
    };
    let mut d = Driver::with(me);
    d.wall = shows(0);
    assert_eq!(d.tick(), [read(1)]);
}

/// In a bucket whose revisions start at 1, and in one whose revisions start at a time in ms.
#[test]
fn every_plausible_time_is_a_valid_token() {
    let year_2199 = 7_258_118_399_999;
    for revision in [1, TIME] {
        let record = mine(year_2199 - 1);
        assert_eq!(record.token_at(revision), year_2199);
        let decoded = Record::decode(revision, &record.encode());
        assert_eq!(decoded, Ok(record));
        let renewal = renewed(year_2199, 1);
        let decoded = Record::decode(revision + 1, &renewal.encode());
        assert_eq!(decoded, Ok(renewal));
    }
}

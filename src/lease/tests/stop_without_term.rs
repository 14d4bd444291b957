//! Stops without a term: a record of the candidate may still be in the key, or on its way there.

use super::{super::*, harness::*};

const RELEASED: Action = Action::Settled(Settled::Released);
const LEFT: Action = Action::Settled(Settled::LeftToExpire);

/// No request is in progress.
const CLEARED: Input = Input::Drained { token: 0 };

#[test]
fn a_follower_settles_once_it_has_drained() {
    for (input, stops) in [(Input::Shutdown, true), (Input::StepDown, false)] {
        let mut d = Driver::following(&theirs(LEASE));
        assert_eq!(d.feed(input), [Action::Close]);
        assert_eq!(d.tick_at(DRAIN_TIMEOUT / 2), []);
        assert!(d.machine.is_leaving());
        assert_eq!(d.feed(CLEARED), [RELEASED]);
        assert_eq!(d.machine.is_stopped(), stops);
        assert!(!d.machine.is_leaving());
    }
}

#[test]
fn a_follower_settles_after_the_drain_timeout() {
    let mut d = Driver::following(&theirs(LEASE));
    d.feed(Input::Shutdown);
    assert_eq!(d.tick_at(DRAIN_TIMEOUT - 1), []);
    assert_eq!(d.tick_at(DRAIN_TIMEOUT), [RELEASED]);
}

/// A leader whose term has expired, whose record is still in the key, and which is asked to stop.
fn expired(input: Input) -> Driver {
    expired_as(candidate(), input)
}

fn expired_as(candidate: Candidate, input: Input) -> Driver {
    let mut d = Driver::leading_as(candidate);
    assert_eq!(d.tick_at(LEASE - GUARD), [end(Ended::Expired), d.read()]);
    assert_eq!(d.feed(input), [Action::Close]);
    assert_eq!(d.answer(holds(TOKEN, &mine(BEFORE))), []);
    assert!(d.machine.is_leaving());
    d
}

#[test]
fn an_expired_record_is_released_once_drained() {
    for input in [Input::StepDown, Input::Shutdown] {
        let mut d = expired(input);
        // The drain of the lost term does not count.
        assert_eq!(d.feed(Input::Drained { token: TOKEN }), []);
        let half = d.elapsed() + DRAIN_TIMEOUT / 2;
        assert_eq!(d.tick_at(half), []);
        assert_eq!(d.feed(CLEARED), [d.write(TOKEN, released_by_me(TOKEN))]);
        assert_eq!(d.acknowledge(9), [RELEASED]);
    }
}

#[test]
fn an_expired_record_is_released_at_the_timeout() {
    let mut d = expired(Input::Shutdown);
    let since = d.elapsed();
    assert_eq!(d.wake(), [d.write(TOKEN, released_by_me(TOKEN))]);
    assert_eq!(d.elapsed() - since, DRAIN_TIMEOUT);
}

#[test]
fn an_overtaken_record_is_not_released() {
    let mut d = expired(Input::Shutdown);
    assert_eq!(d.push(holds(9, &theirs(LEASE))), []);
    assert_eq!(d.feed(CLEARED), [RELEASED]);
}

/// New requests can be sent to the leader while the requests of the last term finish.
#[test]
fn an_overtaken_candidate_names_the_new_leader() {
    let mut candidate = candidate();
    candidate.timing.drain_timeout = ms(10 * LEASE);
    let mut d = expired_as(candidate, Input::Shutdown);
    d.push(holds(9, &theirs(LEASE)));
    let over = d.now + ms(LEASE);
    while d.leader().is_some() {
        assert!(d.machine.poll_timeout().unwrap() <= over);
        if d.wake().iter().any(is_read) {
            d.fail_read();
        }
    }
    assert_eq!(d.now, over);
    assert!(d.machine.is_leaving());
}

#[test]
fn a_shutdown_overrides_a_pending_step_down() {
    let mut d = expired(Input::StepDown);
    assert_eq!(d.feed(Input::Shutdown), []);
    d.feed(CLEARED);
    assert_eq!(d.acknowledge(9), [RELEASED]);
    assert_eq!(d.status(), Status::Stopped);
}

#[test]
fn a_lost_key_is_marked_during_a_drain() {
    let mut candidate = candidate();
    candidate.timing.drain_timeout = ms(10 * LEASE);
    let mut d = expired_as(candidate, Input::Shutdown);
    // The watch is silent, so it reads the key.
    assert_eq!(d.wake(), [d.read()]);
    // The response may be stale. It marks the key once every read shows the same.
    let mut actions = d.answer(absent(0));
    while !actions.iter().any(|a| matches!(a, Action::Write { .. })) {
        if d.wake().iter().any(is_read) {
            actions = d.answer(absent(0));
        }
    }
    let (expected, mark) = d.written();
    assert!(
        expected == 0 && mark.vacant && mark.floor == TOKEN,
        "{mark:?}"
    );
    assert!(d.machine.is_leaving());
}

#[test]
fn a_term_won_while_stopping_never_opens() {
    let mut d = Driver::acquiring(candidate());
    d.feed(Input::StepDown);
    assert_eq!(d.acknowledge(TOKEN), []);
    assert!(d.machine.is_leaving());
    assert_eq!(d.feed(CLEARED), [d.write(TOKEN, released_by_me(TOKEN))]);
}

#[test]
fn a_shutdown_ignores_a_pending_read() {
    let mut d = Driver::new();
    assert_eq!(d.tick(), [read(1)]);
    assert_eq!(d.feed(Input::Shutdown), [Action::Close]);
    assert_eq!(d.feed(CLEARED), [RELEASED]);
    assert_eq!(d.status(), Status::Stopped);
}

#[test]
fn a_shutdown_ignores_a_pending_mark() {
    let mut d = Driver::that_read(candidate(), absent(0));
    assert!(d.written().1.vacant);
    assert_eq!(d.feed(Input::Shutdown), [Action::Close]);
    assert_eq!(d.feed(CLEARED), [RELEASED]);
}

#[test]
fn a_shutdown_releases_a_pending_acquisition() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.feed(Input::Shutdown), [Action::Close]);
    assert_eq!(d.feed(CLEARED), []);
    assert_eq!(d.acknowledge(8), [write(3, 8, released_by_me(8))]);
    assert_eq!(d.acknowledge(9), [RELEASED]);
}

#[test]
fn a_refused_acquisition_leaves_nothing_to_release() {
    let mut d = Driver::acquiring(candidate());
    d.feed(Input::Shutdown);
    d.feed(CLEARED);
    assert_eq!(d.end_write(Outcome::Conflict), [read(3)]);
    assert_eq!(d.answer(holds(8, &theirs(LEASE))), [RELEASED]);
}

#[test]
fn a_shutdown_checks_an_unknown_write() {
    let mut d = Driver::acquiring(candidate());
    d.end_write(Outcome::Unknown);
    assert_eq!(d.feed(Input::Shutdown), [Action::Close]);
    assert_eq!(d.feed(CLEARED), []);
    assert_eq!(
        d.answer(holds(8, &mine(BEFORE))),
        [write(4, 8, released_by_me(8))]
    );
    assert_eq!(d.acknowledge(9), [RELEASED]);
    let mut d = Driver::acquiring(candidate());
    d.end_write(Outcome::Unknown);
    d.feed(Input::Shutdown);
    d.feed(CLEARED);
    assert_eq!(d.answer(holds(8, &theirs(LEASE))), [RELEASED]);
}

#[test]
fn an_unknown_write_is_checked_after_the_drain() {
    let mut d = Driver::acquiring(candidate());
    d.end_write(Outcome::Unknown);
    d.feed(Input::Shutdown);
    assert_eq!(d.answer(holds(BEFORE, &released())), []);
    assert_eq!(d.feed(CLEARED), [read(4)]);
    let release = d.answer(holds(8, &mine(BEFORE)));
    assert_eq!(release, [d.write(8, released_by_me(8))]);
}

#[test]
fn a_possibly_pending_write_is_not_released() {
    let mut d = Driver::acquiring(candidate());
    let before = d.machine.view.sighting().map(|seen| seen.revision);
    d.end_write(Outcome::Unknown);
    d.feed(Input::Shutdown);
    d.feed(CLEARED);
    // The key has not changed, so the write may still be on its way.
    assert_eq!(before, Some(BEFORE));
    assert_eq!(d.answer(holds(BEFORE, &released())), [LEFT]);
}

/// Another candidate has won, so there is nothing to wait for, even if the store does not respond.
#[test]
fn an_outdated_write_is_not_waited_for() {
    let mut d = Driver::acquiring(candidate());
    d.end_write(Outcome::Unknown);
    assert_eq!(d.answer(holds(9, &theirs(LEASE))), []);
    d.wake_until(is_read);
    d.feed(Input::Shutdown);
    assert_eq!(d.feed(CLEARED), [RELEASED]);
}

#[test]
fn a_win_after_lost_data_is_released() {
    let mut d = Driver::acquiring(candidate());
    assert_eq!(d.acknowledge(3), [data_lost(BEFORE, 3), read(3)]);
    d.feed(Input::Shutdown);
    assert_eq!(d.feed(CLEARED), []);
    let actions = d.answer(holds(3, &mine(BEFORE)));
    assert_eq!(
        actions,
        [data_lost(BEFORE, 3), d.write(3, released_by_me(TOKEN))]
    );
    assert_eq!(d.acknowledge(4), [RELEASED]);
}

#[test]
fn an_outdated_renewal_is_not_waited_for() {
    let mut d = Driver::renewing();
    d.feed(Input::Shutdown);
    let actions = d.push(holds(9, &theirs(LEASE)));
    assert_eq!(actions, [end(Ended::Overwritten), Action::Close]);
    assert_eq!(d.feed(CLEARED), [RELEASED]);
}

/// The won record is below the believed revision, which has grown meanwhile.
#[test]
fn a_win_after_lost_data_is_read_first() {
    let mut d = Driver::acquiring(candidate());
    d.push(holds(9, &theirs(LEASE)));
    assert_eq!(d.acknowledge(3), [data_lost(BEFORE, 3), d.read()]);
    d.feed(Input::Shutdown);
    assert_eq!(d.feed(CLEARED), []);
    let actions = d.answer(holds(3, &mine(BEFORE)));
    assert_eq!(actions, [data_lost(9, 3), d.write(3, released_by_me(9))]);
    // Once it follows another candidate, it has nothing to look for.
    let mut d = Driver::acquiring(candidate());
    d.acknowledge(3);
    d.answer(holds(4, &theirs(LEASE)));
    d.wake_until(is_read);
    d.feed(Input::Shutdown);
    assert_eq!(d.feed(CLEARED), [RELEASED]);
}

#[test]
fn a_mark_after_lost_data_is_not_read() {
    let before = Record::acquiring("other", "theirs", None, ms(LEASE), 40);
    let mut d = Driver::that_read(candidate(), holds(9, &before));
    assert!(d.push(garbage(10)).iter().any(is_write));
    assert_eq!(d.acknowledge(3), [data_lost(10, 3), d.read()]);
    d.feed(Input::Shutdown);
    assert_eq!(d.feed(CLEARED), [RELEASED]);
}

/// The renewal was delayed beyond the term, and meanwhile the key appeared to be another candidate's.
#[test]
fn a_pending_renewal_is_waited_for() {
    let mut d = Driver::leading();
    d.at(100).push(holds(6, &released()));
    let renewal = d.tick_at(LEASE - GUARD - 1);
    assert_eq!(renewal, [d.write(TOKEN, renewed(TOKEN, 1))]);
    d.tick_at(LEASE - GUARD);
    assert!(d.tick_at(100 + LEASE).contains(&data_lost(TOKEN, 6)));
    d.feed(Input::Shutdown);
    assert_eq!(d.feed(CLEARED), []);
}

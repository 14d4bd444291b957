//! Stepping down and shutting down: close, drain, release, in this order.

use super::{super::*, harness::*};

const RELEASED: Action = Action::Settled(Settled::Released);
const LEFT: Action = Action::Settled(Settled::LeftToExpire);

/// No request is in progress, and no term is held.
const CLEARED: Input = Input::Drained { token: 0 };

/// A leader that was asked to stop, and whose requests have finished.
fn releasing(input: Input) -> Driver {
    let mut d = Driver::leading();
    assert_eq!(d.at(1_000).feed(input), [Action::Close]);
    assert_eq!(
        d.at(2_000).feed(Input::Drained { token: TOKEN }),
        [end(Ended::Released), d.write(TOKEN, released_by_me(TOKEN))]
    );
    d
}

#[test]
fn closing_comes_before_releasing() {
    for input in [Input::StepDown, Input::Shutdown] {
        let mut d = Driver::leading();
        assert_eq!(d.feed(input), [Action::Close]);
        assert_eq!(d.status(), Status::Draining);
        assert_eq!(d.tick_at(3_000), []);
        let actions = d.feed(Input::Drained { token: TOKEN });
        assert_eq!(
            actions,
            [end(Ended::Released), d.write(TOKEN, released_by_me(TOKEN))]
        );
        assert_eq!(d.at(3_100).acknowledge(9), [RELEASED]);
    }
}

#[test]
fn a_release_is_a_compare_and_set() {
    let mut d = releasing(Input::Shutdown);
    assert_eq!(d.written(), (TOKEN, &released_by_me(TOKEN)));
    // Refused: the successor's record stays.
    assert_eq!(d.end_write(Outcome::Conflict), [d.read()]);
    assert_eq!(d.answer(holds(9, &theirs(LEASE))), [RELEASED]);
    assert_eq!(d.status(), Status::Stopped);
}

#[test]
fn a_release_expects_its_own_revision() {
    for seen in [holds(BEFORE, &released()), absent(3), absent(0)] {
        let mut d = Driver::leading();
        d.push(seen);
        d.feed(Input::Shutdown);
        d.feed(Input::Drained { token: TOKEN });
        assert_eq!(d.written(), (TOKEN, &released_by_me(TOKEN)));
    }
}

#[test]
fn an_overwritten_draining_leader_releases_nothing() {
    let mut d = Driver::leading();
    d.feed(Input::Shutdown);
    let actions = d.at(1_000).push(holds(9, &theirs(LEASE)));
    assert_eq!(actions, [end(Ended::Overwritten), Action::Close, d.read()]);
    // The drain of the lost term does not count: its requests are still waited for.
    assert_eq!(d.feed(Input::Drained { token: TOKEN }), []);
    assert!(d.machine.is_leaving() && d.follows());
    assert_eq!(d.feed(CLEARED), [RELEASED]);
    assert_eq!(d.machine.poll_timeout(), None);
}

#[test]
fn a_drain_ends_at_its_timeout() {
    let mut d = Driver::leading();
    assert_eq!(d.at(1_000).feed(Input::StepDown), [Action::Close]);
    let until = 1_000 + DRAIN_TIMEOUT;
    while d.machine.poll_timeout().unwrap() < at(until) {
        let renewal = d.wake();
        assert_eq!(renewal, [d.write(TOKEN, renewed(TOKEN, 1))]);
        d.acknowledge(9);
    }
    let (revision, _) = d.written();
    assert_eq!(revision, TOKEN);
    assert_eq!(
        d.tick_at(until),
        [end(Ended::Released), d.write(9, released_by_me(TOKEN))]
    );
}

#[test]
fn the_lease_is_renewed_while_draining() {
    let mut d = Driver::leading();
    d.at(4_000).feed(Input::Shutdown);
    assert_eq!(d.wake(), [d.write(TOKEN, renewed(TOKEN, 1))]);
    let deadline = at(d.elapsed() + LEASE - GUARD);
    assert_eq!(d.acknowledge(9), [Action::Extend { deadline }]);
    assert_eq!(d.status(), Status::Draining);
}

/// A leader with a request in progress that was asked to stop at 1 s, and whose lease has expired in an outage.
fn expired_while_draining(input: Input) -> Driver {
    let mut candidate = candidate();
    candidate.timing.drain_timeout = ms(2 * LEASE);
    let mut d = Driver::leading_as(candidate);
    d.at(1_000).feed(input);
    let actions = d.tick_at(LEASE - GUARD);
    assert_eq!(actions, [end(Ended::Expired), Action::Close, d.read()]);
    d
}

#[test]
fn a_drain_continues_after_the_lease_expires() {
    for input in [Input::StepDown, Input::Shutdown] {
        let mut d = expired_while_draining(input);
        d.fail_read();
        d.tick_at(LEASE);
        assert_eq!(d.status(), Status::Draining);
        // Its record may still be in the key.
        d.feed(CLEARED);
        let settled = d.wake_until(|action| matches!(action, Action::Settled(_)));
        assert!(settled.contains(&LEFT), "{settled:?}");
        assert_eq!(d.elapsed(), LEASE + 2 * REQUEST_TIMEOUT);
    }
}

#[test]
fn an_expired_record_is_released_after_the_drain() {
    let mut d = expired_while_draining(Input::Shutdown);
    assert_eq!(d.answer(holds(TOKEN, &mine(BEFORE))), []);
    assert_eq!(d.feed(CLEARED), [d.write(TOKEN, released_by_me(TOKEN))]);
    assert_eq!(d.acknowledge(9), [RELEASED]);
}

#[test]
fn an_expired_lease_does_not_prolong_a_drain() {
    let mut d = expired_while_draining(Input::Shutdown);
    d.wake_until(|action| matches!(action, Action::Settled(_)));
    assert_eq!(d.elapsed(), 1_000 + 2 * LEASE + 2 * REQUEST_TIMEOUT);
}

/// The shutdown comes at the end of the lease, during a step-down.
#[test]
fn a_shutdown_settles_only_once_stopped() {
    let mut candidate = candidate();
    candidate.timing.drain_timeout = ms(2 * LEASE);
    let mut d = Driver::leading_as(candidate);
    d.at(1_000).feed(Input::StepDown);
    let actions = d.at(LEASE - GUARD).feed(Input::Shutdown);
    assert_eq!(actions, [end(Ended::Expired), Action::Close, d.read()]);
    assert_eq!(d.answer(holds(9, &theirs(LEASE))), []);
    assert_eq!(d.feed(CLEARED), [RELEASED]);
    assert_eq!(d.status(), Status::Stopped);
}

#[test]
fn a_release_waits_for_the_pending_renewal() {
    let mut d = Driver::renewing();
    assert_eq!(d.feed(Input::Shutdown), [Action::Close]);
    let actions = d.feed(Input::Drained { token: TOKEN });
    assert_eq!(actions, [end(Ended::Released)]);
    // The acknowledgement extends nothing, but tells the revision to replace.
    assert_eq!(d.acknowledge(9), [d.write(9, released_by_me(TOKEN))]);
    assert_eq!(d.acknowledge(10), [RELEASED]);
}

#[test]
fn drained_requests_of_another_term_release_nothing() {
    let mut d = Driver::leading();
    d.feed(Input::StepDown);
    assert_eq!(d.feed(Input::Drained { token: TOKEN - 1 }), []);
    assert_eq!(d.status(), Status::Draining);
}

#[test]
fn a_step_down_starts_a_cool_down() {
    let mut d = releasing(Input::StepDown);
    assert_eq!(d.acknowledge(9), [RELEASED]);
    assert!(d.follows());
    let seen = holds(9, &released_by_me(TOKEN));
    assert_eq!(d.campaign(&seen), (2_000 + LEASE / 2, 9, mine(TOKEN)));
}

#[test]
fn a_shutdown_is_final() {
    let mut d = releasing(Input::Shutdown);
    assert_eq!(d.acknowledge(9), [RELEASED]);
    assert_eq!(d.status(), Status::Stopped);
    assert_eq!(d.machine.poll_timeout(), None);
    assert_eq!(d.at(9 * LEASE).push(holds(9, &released())), []);
    // Later requests are settled at once.
    assert_eq!(d.feed(Input::Shutdown), [RELEASED]);
    assert_eq!(d.feed(Input::StepDown), [RELEASED]);
}

#[test]
fn a_shutdown_during_a_step_down_is_final() {
    for drained_first in [false, true] {
        let mut d = Driver::leading();
        d.feed(Input::StepDown);
        if !drained_first {
            assert_eq!(d.feed(Input::Shutdown), []);
        }
        d.feed(Input::Drained { token: TOKEN });
        if drained_first {
            assert_eq!(d.feed(Input::Shutdown), []);
        }
        assert_eq!(d.acknowledge(9), [RELEASED]);
        assert_eq!(d.status(), Status::Stopped);
    }
}

#[test]
fn an_unknown_release_is_checked_by_a_read() {
    let mut d = releasing(Input::Shutdown);
    assert_eq!(d.end_write(Outcome::Unknown), [d.read()]);
    assert_eq!(d.answer(holds(9, &released_by_me(TOKEN))), [RELEASED]);
    let mut d = releasing(Input::Shutdown);
    d.end_write(Outcome::Unknown);
    assert_eq!(
        d.answer(holds(TOKEN, &mine(BEFORE))),
        [d.write(TOKEN, released_by_me(TOKEN))]
    );
}

#[test]
fn an_unanswered_release_is_left_to_expire() {
    let mut d = releasing(Input::Shutdown);
    let actions = d.wake_until(|action| matches!(action, Action::Settled(_)));
    assert_eq!(actions, [LEFT]);
    assert_eq!(d.elapsed(), 2_000 + 2 * REQUEST_TIMEOUT);
    assert_eq!(d.status(), Status::Stopped);
}

#[test]
fn a_failing_release_is_left_to_expire() {
    let mut d = releasing(Input::Shutdown);
    let mut settled = d.end_write(Outcome::Failed);
    while settled.is_empty() || settled.iter().any(is_read) {
        if !settled.is_empty() {
            d.fail_read();
        }
        settled = d.wake();
    }
    assert_eq!(settled, [LEFT]);
    assert_eq!(d.elapsed(), 2_000 + 2 * REQUEST_TIMEOUT);
}

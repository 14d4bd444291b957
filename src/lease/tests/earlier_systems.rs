//! Mistakes in the election protocols of earlier systems. Each test is named after the mistake and shows that it does
//! not occur here.

use super::{super::*, harness::*};

const RELEASED: Action = Action::Settled(Settled::Released);

/// client-go (kubernetes#124588), kube-lease-manager, noleader 0.1: the loop that sets and clears the flag also waits
/// for the API.
#[test]
fn a_flag_stays_true_while_the_api_hangs() {
    let mut d = Driver::renewing();
    // The gate received its deadline with the term, before a request could hang.
    assert_eq!(d.machine.deadline(), Some(at(LEASE - GUARD)));
    let actions = d.wake_until(|action| matches!(action, Action::End { .. }));
    assert_eq!(actions[0], end(Ended::Expired));
    assert_eq!(d.elapsed(), LEASE - GUARD);
}

/// etcd's `Session`: the delay of the reply is added to the lease.
#[test]
fn validity_counted_from_the_reply() {
    for delay in [0, 1, 2_499] {
        let mut d = Driver::acquiring(candidate());
        d.at(delay).acknowledge(TOKEN);
        assert_eq!(d.machine.deadline(), Some(at(LEASE - GUARD)));
    }
}

/// kubert's `lease.rs`, kube-leader-election: a renewal time in the record is compared with the local clock.
#[test]
fn wall_clocks_compared_across_nodes() {
    let record = String::from_utf8(renewed(TOKEN, 1).encode()).unwrap();
    assert_eq!(
        record,
        r#"{"v":1,"holder":"me","session":"mine","lease_ms":15000,"token":8,"floor":8,"renewal":1,"write":"00000000000000000000000000000007"}"#
    );
    // A clock that is a century ahead makes no difference.
    let century = 100 * 365 * 24 * 3_600_000;
    for start in [0, century] {
        let mut d = Driver::new();
        d.at(start).tick();
        d.answer(holds(BEFORE, &theirs(LEASE)));
        let campaign = (start + LEASE, BEFORE, mine(BEFORE));
        assert_eq!(d.campaign(&holds(BEFORE, &theirs(LEASE))), campaign);
    }
}

/// kubert (linkerd2#15506), client-go#1155, etcd's `Campaign`: the task ends with an error that is never read.
#[test]
fn the_task_gives_up_after_some_errors() {
    let mut d = Driver::acquiring(candidate());
    for failures in 0..10_000 {
        let outcomes = [Outcome::Failed, Outcome::Unknown, Outcome::Conflict];
        let mut actions = d.end_write(outcomes[failures % 3]);
        if actions.is_empty() {
            actions = d.wake();
        }
        assert_eq!(actions, [d.read()]);
        actions = d.answer(holds(BEFORE, &released()));
        assert_eq!(actions, [d.write(BEFORE, mine(BEFORE))]);
    }
    assert!(d.elapsed() < 10_000 * 1_500);
    d.acknowledge(TOKEN);
    assert!(d.leads());
}

/// ali-assar/NATS-Leader-Election: a stop deletes the key, even if the record is the successor's.
#[test]
fn an_unconditional_delete_removes_the_successors_record() {
    let mut d = Driver::leading();
    d.feed(Input::Shutdown);
    // The successor's record is in the key, and pushed, before the release is sent.
    let actions = d.push(holds(9, &theirs(LEASE)));
    assert_eq!(actions, [end(Ended::Overwritten), Action::Close, d.read()]);
    assert_eq!(d.feed(Input::Drained { token: 0 }), [RELEASED]);
    // If the successor is not known yet, the release expects the former leader's revision and is refused.
    let mut d = Driver::leading();
    d.feed(Input::Shutdown);
    d.feed(Input::Drained { token: TOKEN });
    assert_eq!(d.written(), (TOKEN, &released_by_me(TOKEN)));
    d.push(holds(9, &theirs(LEASE)));
    assert_eq!(d.end_write(Outcome::Conflict), [d.read()]);
    assert_eq!(d.answer(holds(9, &theirs(LEASE))), [RELEASED]);
    assert_eq!(d.written(), (TOKEN, &released_by_me(TOKEN)));
}

/// ali-assar/NATS-Leader-Election, noleader 0.1: the holder keeps the revision before its update.
#[test]
fn an_applied_update_locks_its_holder_out() {
    let mut d = Driver::renewing();
    let sent = d.elapsed();
    assert_eq!(d.tick_at(sent + REQUEST_TIMEOUT), [d.read()]);
    assert_eq!(
        d.answer(holds(9, &renewed(TOKEN, 1))),
        [d.write(9, renewed(TOKEN, 1))]
    );
    let deadline = at(sent + REQUEST_TIMEOUT + LEASE - GUARD);
    assert_eq!(d.acknowledge(10), [Action::Extend { deadline }]);
}

/// curator#980 and #1137: a result of an earlier term is attributed to the current term.
#[test]
fn late_results_of_an_earlier_term_are_believed() {
    let mut d = Driver::renewing();
    let late = d.attempt();
    d.push(holds(9, &theirs(LEASE)));
    d.at(9_000).tick();
    d.answer(holds(10, &theirs(LEASE).released(9)));
    d.acknowledge(11);
    assert_eq!(d.wake(), [d.write(11, renewed(11, 1))]);
    let deadline = d.machine.deadline();
    let results = [
        Input::Written {
            attempt: late,
            outcome: Outcome::Acknowledged(12),
        },
        Input::Read {
            attempt: late,
            seen: Some(absent(12)),
        },
        Input::Warmed {
            token: TOKEN,
            ready: false,
        },
        Input::Drained { token: TOKEN },
        Input::Expired { token: TOKEN },
    ];
    for result in results {
        assert_eq!(d.feed(result.clone()), [], "{result:?}");
        assert_eq!(d.machine.deadline(), deadline);
    }
}

/// pinniped#800: the lease is released when the stop begins, not when the work has ended.
#[test]
fn released_before_it_stopped_acting() {
    let mut d = Driver::leading();
    assert_eq!(d.at(2_000).feed(Input::Shutdown), [Action::Close]);
    assert_eq!(d.wake(), [d.write(TOKEN, renewed(TOKEN, 1))]);
    d.acknowledge(9);
    assert_eq!(
        d.wake(),
        [end(Ended::Released), d.write(9, released_by_me(TOKEN))]
    );
    assert_eq!(d.elapsed(), 2_000 + DRAIN_TIMEOUT);
}

/// async-nats `create_with_ttl` over a delete marker: the TTL is lost, and the record never expires.
#[test]
fn a_record_without_ttl_never_expires() {
    let mut d = Driver::new();
    d.tick();
    d.answer(absent(9));
    d.campaign(&absent(9));
    // Another candidate wrote over the marker first, and crashed. The server never expires its record.
    d.end_write(Outcome::Conflict);
    let seen = d.elapsed();
    let immortal = holds(10, &theirs(LEASE));
    d.answer(immortal.clone());
    assert_eq!(d.campaign(&immortal), (seen + LEASE, 10, mine(10)));
}

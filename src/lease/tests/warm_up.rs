//! The warm-up between winning the election and opening the gate.

use super::{super::*, harness::*};

fn warming() -> Candidate {
    Candidate {
        warm_up: true,
        ..candidate()
    }
}

#[test]
fn the_gate_opens_after_the_warm_up() {
    let mut d = Driver::acquiring(warming());
    assert_eq!(
        d.acknowledge(TOKEN),
        [begin(TOKEN, LEASE - GUARD), Action::WarmUp]
    );
    assert_eq!(d.status(), Status::Warming);
    assert_eq!(d.at(1_000).warmed(TOKEN, true), [Action::Open]);
    assert!(d.leads());
}

#[test]
fn a_warm_up_ends_once() {
    let mut d = Driver::leading_as(warming());
    d.warmed(TOKEN, true);
    assert_eq!(d.warmed(TOKEN, true), []);
    assert_eq!(d.warmed(TOKEN, false), []);
    assert!(d.leads());
}

#[test]
fn the_lease_is_renewed_during_a_warm_up() {
    let mut d = Driver::leading_as(warming());
    assert_eq!(d.wake(), [d.write(TOKEN, renewed(TOKEN, 1))]);
    let deadline = at(d.elapsed() + LEASE - GUARD);
    assert_eq!(d.acknowledge(9), [Action::Extend { deadline }]);
    assert_eq!(d.status(), Status::Warming);
    assert_eq!(d.warmed(TOKEN, true), [Action::Open]);
}

#[test]
fn a_failed_warm_up_releases_the_lease() {
    let mut d = Driver::leading_as(warming());
    assert_eq!(d.at(1_000).warmed(TOKEN, false), [Action::Close]);
    assert_eq!(d.status(), Status::Draining);
    // A request of a lost term may still be in progress.
    assert_eq!(
        d.at(2_000).feed(Input::Drained { token: TOKEN }),
        [end(Ended::Released), d.write(TOKEN, released_by_me(TOKEN))]
    );
    assert_eq!(d.acknowledge(9), [Action::Settled(Settled::Released)]);
    assert!(d.follows());
}

/// Another candidate gets a turn, and a broken candidate does not churn through terms.
#[test]
fn each_failed_warm_up_doubles_the_cool_down() {
    let mut d = Driver::leading_as(warming());
    let mut revision = TOKEN;
    for leases in [1, 2, 4, 8, 8] {
        let token = d.machine.token().unwrap();
        d.warmed(token, false);
        d.feed(Input::Drained { token });
        revision += 1;
        d.acknowledge(revision);
        let settled = d.elapsed();
        let seen = holds(revision, &released_by_me(token));
        let (campaign, _, _) = d.campaign(&seen);
        assert_eq!(campaign - settled, leases * LEASE);
        revision += 1;
        d.acknowledge(revision);
    }
    // A successful warm-up resets the count.
    let token = d.machine.token().unwrap();
    d.warmed(token, true);
    d.feed(Input::StepDown);
    d.feed(Input::Drained { token });
    d.acknowledge(revision + 1);
    let settled = d.elapsed();
    let seen = holds(revision + 1, &released_by_me(token));
    assert_eq!(d.campaign(&seen).0 - settled, LEASE / 2);
}

#[test]
fn a_term_lost_during_warm_up_never_opens() {
    for why in [Ended::Expired, Ended::Overwritten, Ended::Deleted] {
        let mut d = Driver::leading_as(warming());
        let ended = match why {
            Ended::Expired => d.tick_at(LEASE - GUARD),
            Ended::Deleted => d.push(absent(9)),
            _ => d.push(holds(9, &theirs(LEASE))),
        };
        assert!(ended.contains(&end(why)), "{ended:?}");
        assert_eq!(d.warmed(TOKEN, true), []);
        assert!(d.follows());
    }
}

#[test]
fn a_warm_up_must_end_before_the_deadline() {
    let mut d = Driver::leading_as(warming());
    assert_eq!(
        d.at(LEASE - GUARD).warmed(TOKEN, true),
        [end(Ended::Expired), d.read()]
    );
}

#[test]
fn another_terms_warm_up_does_not_open_it() {
    let mut d = Driver::leading_as(warming());
    for ready in [true, false] {
        assert_eq!(d.warmed(TOKEN - 1, ready), []);
        assert_eq!(d.status(), Status::Warming);
    }
}

#[test]
fn stopping_drops_the_warm_up() {
    for input in [Input::StepDown, Input::Shutdown] {
        let mut d = Driver::leading_as(warming());
        assert_eq!(d.feed(input), [Action::Close]);
        assert_eq!(d.warmed(TOKEN, true), []);
        assert_eq!(
            d.feed(Input::Drained { token: TOKEN }),
            [end(Ended::Released), d.write(TOKEN, released_by_me(TOKEN))]
        );
    }
}

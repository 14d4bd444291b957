//! G5: hand-overs.

use super::*;

#[test]
fn a_lease_that_is_released_under_a_request_is_wrong() {
    let [shut, released] = handed_over(5, 30, 40);
    let open = [
        won(5, 5),
        admitted(5, 0, 10, 11),
        shut,
        released,
        done(0, 41),
    ];
    assert_eq!(
        Told::default().by(A, 1000, &open).violations(),
        ["undrained"]
    );
    // Let in before the gate shut, it seems, and not waited for.
    let late = [won(5, 5), shut, released, admitted(5, 0, 10, 42)];
    assert_eq!(
        Told::default().by(A, 1000, &late).violations(),
        ["undrained"]
    );
}

#[test]
fn a_successor_that_does_not_wait_for_the_drain_is_wrong() {
    let [shut, released] = handed_over(5, 30, 40);
    let open = [
        won(5, 5),
        admitted(5, 0, 10, 11),
        shut,
        released,
        done(0, 60),
    ];
    let told = Told::default()
        .by(A, 1000, &open)
        .by(B, 1000, &[won(6, 50)]);
    assert_eq!(told.violations(), ["hasty", "undrained"]);
}

#[test]
fn requests_of_a_lost_term_may_go_on_until_their_process_is_killed() {
    let next = |told: Told| told.by(B, 2000, &[won(6, 50)]).violations();
    let open = [won(5, 5), admitted(5, 0, 10, 11)];
    assert!(next(Told::default().by(A, 1000, &open)).is_empty());
    // The drain timeout passed first.
    let [shut, released] = handed_over(5, 30, 30 + nanos(crate::candidate::DRAIN_TIMEOUT));
    let open = [won(5, 5), admitted(5, 0, 10, 11), shut, released];
    let told = Told::default().by(A, u64::MAX, &open);
    assert_eq!(told.history.tenures[0].last_done, u64::MAX);
    assert!(next(told).is_empty());
}

#[test]
fn a_gate_that_lets_in_after_it_has_shut_is_wrong() {
    let [shut, released] = handed_over(5, 30, 60);
    let drains = Entry::Draining { token: 5, at: 35 };
    let after = |outside| {
        let late = admitted(5, 0, outside, 50);
        let log = [won(5, 5), shut, late, drains, done(0, 55), released];
        let told = Told::default().by(A, 1000, &log);
        assert_eq!(told.history.drains(), 1);
        told.violations()
    };
    assert_eq!(after(36), ["late"]);
    assert!(after(35).is_empty());
    // Without a request, and after the term.
    let log = [won(5, 5), shut, released, open(5, 61, 62)];
    assert_eq!(Told::default().by(A, 1000, &log).violations(), ["late"]);
    let log = [won(5, 5), lost(5, 30), admitted(5, 0, 31, 32)];
    assert_eq!(Told::default().by(A, 1000, &log).violations(), ["late"]);
}

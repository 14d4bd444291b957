//! G5: hand-overs.

use super::*;

#[test]
fn release_during_a_request_is_a_violation() {
    let [shut, released] = handed_over(5, 30, 40);
    let open = [
        won(5, 5),
        admitted(5, 0, 10, 11),
        shut,
        released,
        done(0, 41),
    ];
    assert_eq!(
        Logs::default().by(A, 1000, &open).violations(),
        ["undrained"]
    );
    // Seemingly admitted before the gate closed, but the drain did not wait for it.
    let late = [won(5, 5), shut, released, admitted(5, 0, 10, 42)];
    assert_eq!(
        Logs::default().by(A, 1000, &late).violations(),
        ["undrained"]
    );
}

#[test]
fn successor_before_the_drains_end_is_a_violation() {
    let [shut, released] = handed_over(5, 30, 40);
    let open = [
        won(5, 5),
        admitted(5, 0, 10, 11),
        shut,
        released,
        done(0, 60),
    ];
    let logs = Logs::default()
        .by(A, 1000, &open)
        .by(B, 1000, &[won(6, 50)]);
    assert_eq!(logs.violations(), ["hasty", "undrained"]);
}

#[test]
fn requests_of_a_lost_term_may_continue() {
    let next = |logs: Logs| logs.by(B, 2000, &[won(6, 50)]).violations();
    let open = [won(5, 5), admitted(5, 0, 10, 11)];
    assert!(next(Logs::default().by(A, 1000, &open)).is_empty());
    // The drain timeout has passed.
    let [shut, released] = handed_over(5, 30, 30 + nanos(crate::candidate::DRAIN_TIMEOUT));
    let open = [won(5, 5), admitted(5, 0, 10, 11), shut, released];
    let logs = Logs::default().by(A, u64::MAX, &open);
    assert_eq!(logs.history.tenures[0].last_done, u64::MAX);
    assert!(next(logs).is_empty());
}

#[test]
fn admission_after_closing_is_a_violation() {
    let [shut, released] = handed_over(5, 30, 60);
    let drains = Entry::Closed {
        term: id(5),
        at: 35,
    };
    let after = |outside| {
        let late = admitted(5, 0, outside, 50);
        let log = [won(5, 5), shut, late, drains, done(0, 55), released];
        let logs = Logs::default().by(A, 1000, &log);
        assert_eq!(logs.history.drains(), 1);
        logs.violations()
    };
    assert_eq!(after(36), ["late"]);
    assert!(after(35).is_empty());
    // Seen open without a request, after the term.
    let log = [won(5, 5), shut, released, open(5, 61, 62)];
    assert_eq!(Logs::default().by(A, 1000, &log).violations(), ["late"]);
    let log = [won(5, 5), lost(5, 30), admitted(5, 0, 31, 32)];
    assert_eq!(Logs::default().by(A, 1000, &log).violations(), ["late"]);
}

//! G1 and G2: the order of terms.

use super::*;

#[test]
fn consecutive_terms_are_correct() {
    let [shut, released] = handed_over(5, 30, 40);
    let a = [
        won(5, 10),
        admitted(5, 0, 11, 12),
        admitted(5, 1, 20, 21),
        done(0, 30),
        shut,
        done(1, 39),
        released,
    ];
    let logs = Logs::default().by(A, 1000, &a).by(
        B,
        1000,
        &[won(6, 41), admitted(6, 0, 42, 43), done(0, 44)],
    );
    assert_eq!(logs.history.admissions(), 3);
    assert_eq!(logs.history.hand_overs(), 1);
    assert_eq!(logs.history.drains(), 0, "the probe saw none");
    assert!(logs.violations().is_empty());
}

#[test]
fn admission_after_a_larger_token_is_a_violation() {
    let late = |outside| {
        Logs::default()
            .by(
                A,
                1000,
                &[
                    won(5, 9),
                    admitted(5, 0, 10, 11),
                    admitted(5, 1, outside, 60),
                ],
            )
            .by(B, 1000, &[won(6, 30), admitted(6, 0, 31, 32)])
    };
    assert_eq!(late(31).violations(), ["overlap"]);
    // The process may have been stopped after the admission, before the handler read the time.
    assert!(late(30).violations().is_empty());
}

#[test]
fn a_leader_whose_record_is_lost_may_keep_its_gate_open_for_a_lease() {
    let logs = |lost, outside| {
        let old = [
            won(5, 9),
            admitted(5, 0, 10, 11),
            admitted(5, 1, outside, outside),
        ];
        let new = [won(6, 30), admitted(6, 0, 31, 32)];
        let logs = Logs::default().by(A, 1000, &old).by(B, 1000, &new);
        logs.loss(lost)
    };
    assert!(logs(20, 120).violations().is_empty());
    assert_eq!(logs(20, 121).violations(), ["overlap"]);
    // Not before the loss, and not for a leader that won after it.
    assert_eq!(logs(32, 120).violations(), ["overlap"]);
    assert_eq!(logs(8, 105).violations(), ["overlap"]);
    // A token still has only one holder.
    let twice = Logs::default()
        .by(A, 20, &[won(5, 10)])
        .by(B, 40, &[won(5, 30)])
        .loss(25);
    assert_eq!(twice.violations(), ["two holders"]);
}

#[test]
fn a_copied_leader_may_keep_its_gate_open_for_a_lease() {
    let terms = |until_a, until_copy| {
        let a = [won(5, 10), open(5, 20, 20), open(5, until_a, until_a)];
        let copy = [won(5, 10), open(5, 20, 20), open(5, until_copy, until_copy)];
        Logs::default().by(A, 1000, &a).copy(29, &copy)
    };
    let logs = terms(130, 130);
    assert_eq!(logs.history.tenures.len(), 2);
    assert!(logs.violations().is_empty());
    // One of the two goes on.
    assert!(terms(500, 130).violations().is_empty());
    assert!(terms(130, 500).violations().is_empty());
    assert_eq!(terms(131, 131).violations(), ["two holders"]);

    // The record of one of them is released, and the other has not seen it yet.
    let next = |at| [won(6, at), open(6, at + 1, at + 1)];
    assert!(
        terms(40, 130)
            .by(B, 1000, &next(50))
            .violations()
            .is_empty()
    );
    let late = terms(40, 131).by(B, 1000, &next(50));
    assert_eq!(late.violations(), ["overlap"]);
    // No later term is excused.
    let later = [won(5, 10), lost(5, 20), won(6, 40), open(6, 60, 60)];
    let logs = Logs::default().by(A, 1000, &later).copy(29, &[]);
    assert_eq!(logs.by(B, 1000, &[won(7, 50)]).violations(), ["overlap"]);
    // No other process may have the token.
    let other = terms(40, 40).by(B, 1000, &[won(5, 45)]);
    assert_eq!(other.violations(), ["two holders"]);
}

#[test]
fn what_a_copy_did_not_do_itself_counts_once() {
    let log = [won(5, 10), admitted(5, 0, 11, 12), done(0, 13), lost(5, 20)];
    let logs = Logs::default().by(A, 1000, &log).copy(29, &log);
    assert_eq!(logs.history.tenures.len(), 1);
    assert_eq!(logs.history.admissions(), 1);
}

#[test]
fn a_copy_may_drain_a_term_that_the_original_has_released() {
    let logs = |until| {
        let start = [
            won(5, 10),
            admitted(5, 0, 11, 12),
            admitted(5, 1, until, until),
        ];
        let [shut, released] = handed_over(5, until + 1, until + 3);
        let original = [
            &start[..],
            &[done(0, 21), done(1, until + 1), shut, released],
        ]
        .concat();
        let [shut, released] = handed_over(5, until + 1, until + 40);
        let copy = [
            &start[..],
            &[done(1, until + 1), shut, done(0, until + 30), released],
        ]
        .concat();
        Logs::default()
            .by(A, 1000, &original)
            .copy(25, &copy)
            .by(B, 1000, &[won(6, until + 10)])
    };
    assert!(logs(30).violations().is_empty());
    // Not after the deadline.
    assert!(logs(200).violations().contains(&"hasty"));
}

#[test]
fn order_covers_more_than_adjacent_terms() {
    let logs = Logs::default()
        .by(A, 1000, &[won(5, 9), admitted(5, 0, 50, 51)])
        .by(B, 1000, &[won(6, 59), admitted(6, 0, 60, 61)])
        .by((2, 0), 1000, &[won(7, 30)]);
    assert_eq!(logs.violations(), ["overlap", "overlap"]);
}

#[test]
fn two_holders_of_a_token_are_a_violation() {
    let logs = Logs::default()
        .by(A, 20, &[won(5, 10)])
        .by((0, 1), 1000, &[won(5, 30)]);
    assert_eq!(logs.violations(), ["two holders"]);
}

#[test]
fn two_terms_with_a_token_are_a_violation() {
    let logs = Logs::default().by(A, 1000, &[won(5, 10), lost(5, 20), won(5, 30)]);
    assert_eq!(logs.violations(), ["won twice"]);
}

#[test]
fn overlap_is_found_without_requests_to_the_successor() {
    let logs = Logs::default()
        .by(A, 1000, &[won(5, 9), admitted(5, 0, 31, 32)])
        .by(B, 1000, &[won(6, 30)]);
    assert_eq!(logs.violations(), ["overlap"]);
    // The same without any request.
    let logs = Logs::default()
        .by(A, 1000, &[won(7, 9), open(7, 31, 32)])
        .by(B, 1000, &[won(10, 30)]);
    assert_eq!(logs.violations(), ["overlap"]);
}

#[test]
fn win_after_a_larger_token_is_a_violation() {
    let first = [won(10, 1000), lost(10, 1010)];
    let after = |logged| {
        Logs::default()
            .by(A, 9999, &first)
            .by(B, 9999, &[won(7, logged)])
    };
    assert_eq!(after(1051).violations(), ["backwards"]);
    // Within half a lease: it may have been won in order and logged late.
    assert!(after(1050).violations().is_empty());
    // The process was stopped between the win and its log entry.
    let stopped = |from, until| after(2000).silence(1, from, until).violations();
    assert!(stopped(1050, 1990).is_empty());
    assert_eq!(stopped(1051, 1990), ["backwards"]);
    assert_eq!(stopped(1040, 1949), ["backwards"]);
}

#[test]
fn smaller_token_in_one_log_is_a_violation() {
    let logs = Logs::default().by(A, 1000, &[won(10, 10), lost(10, 11), won(7, 12)]);
    assert_eq!(logs.violations(), ["regressed"]);
}

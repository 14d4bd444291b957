//! G1 and G2: one term after the other.

use super::*;

#[test]
fn one_term_after_the_other_is_right() {
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
    let told = Told::default().by(A, 1000, &a).by(
        B,
        1000,
        &[won(6, 41), admitted(6, 0, 42, 43), done(0, 44)],
    );
    assert_eq!(told.history.admissions(), 3);
    assert_eq!(told.history.hand_overs(), 1);
    assert_eq!(told.history.drains(), 0, "nobody looked");
    assert!(told.violations().is_empty());
}

#[test]
fn a_smaller_token_after_a_larger_one_is_two_gates() {
    let late = |outside| {
        Told::default()
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
    // Stopped between the gate and the handler: it may have been admitted in time.
    assert!(late(30).violations().is_empty());
}

#[test]
fn the_term_after_the_next_counts_as_well() {
    let told = Told::default()
        .by(A, 1000, &[won(5, 9), admitted(5, 0, 50, 51)])
        .by(B, 1000, &[won(6, 59), admitted(6, 0, 60, 61)])
        .by((2, 0), 1000, &[won(7, 30)]);
    assert_eq!(told.violations(), ["overlap", "overlap"]);
}

#[test]
fn one_token_for_two_processes_is_wrong_even_without_a_request() {
    let told = Told::default()
        .by(A, 20, &[won(5, 10)])
        .by((0, 1), 1000, &[won(5, 30)]);
    assert_eq!(told.violations(), ["two holders"]);
}

#[test]
fn one_token_for_two_terms_is_wrong() {
    let told = Told::default().by(A, 1000, &[won(5, 10), lost(5, 20), won(5, 30)]);
    assert_eq!(told.violations(), ["won twice"]);
}

#[test]
fn a_gate_that_is_open_after_a_later_term_was_won_is_wrong_without_any_request_there() {
    let told = Told::default()
        .by(A, 1000, &[won(5, 9), admitted(5, 0, 31, 32)])
        .by(B, 1000, &[won(6, 30)]);
    assert_eq!(told.violations(), ["overlap"]);
    // Nobody asked either of them for anything.
    let told = Told::default()
        .by(A, 1000, &[won(7, 9), open(7, 31, 32)])
        .by(B, 1000, &[won(10, 30)]);
    assert_eq!(told.violations(), ["overlap"]);
}

#[test]
fn a_term_that_is_won_after_one_with_a_larger_token_is_wrong() {
    let first = [won(10, 1000), lost(10, 1010)];
    let after = |told| {
        Told::default()
            .by(A, 9999, &first)
            .by(B, 9999, &[won(7, told)])
    };
    assert_eq!(after(1051).violations(), ["backwards"]);
    // Within half a lease: it may have been won before, and told late.
    assert!(after(1050).violations().is_empty());
    // Stopped between the two.
    let stopped = |from, until| after(2000).silence(1, from, until).violations();
    assert!(stopped(1050, 1990).is_empty());
    assert_eq!(stopped(1051, 1990), ["backwards"]);
    assert_eq!(stopped(1040, 1949), ["backwards"]);
}

#[test]
fn tokens_that_go_down_in_one_log_are_wrong_however_soon() {
    let told = Told::default().by(A, 1000, &[won(10, 10), lost(10, 11), won(7, 12)]);
    assert_eq!(told.violations(), ["regressed"]);
}

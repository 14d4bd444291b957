//! G4, and the completeness of the logs.

use super::*;

#[test]
fn term_outliving_a_long_silence_is_a_violation() {
    let after = |until, outside| {
        Logs::default()
            .by(A, 1000, &[won(5, 10), admitted(5, 0, outside, 300)])
            .silence(0, 50, until)
            .violations()
    };
    assert_eq!(after(160, 161), ["outlived"]);
    // The silence continues, and the lease has expired.
    assert_eq!(after(160, 151), ["outlived"]);
    assert!(after(160, 149).is_empty());
    // After a shorter silence it may have renewed.
    assert!(after(149, 151).is_empty());
}

#[test]
fn silence_affects_only_earlier_terms_of_its_candidate() {
    let logs = Logs::default()
        .by(A, 1000, &[won(5, 170), admitted(5, 0, 171, 172)])
        .by(
            B,
            1000,
            &[won(4, 10), admitted(4, 0, 160, 161), done(0, 162)],
        )
        .silence(0, 50, 160);
    assert!(logs.violations().is_empty());
}

#[test]
fn incomplete_log_of_a_term_is_a_violation() {
    for silent in [admitted(5, 0, 10, 11), open(5, 10, 11), lost(5, 10)] {
        let logs = Logs::default().by(A, 1000, &[silent]);
        assert_eq!(logs.violations(), ["incomplete"]);
    }
    let [_, released] = handed_over(5, 30, 40);
    for half in [won(6, 30), released] {
        let logs = Logs::default().by(A, 1000, &[won(5, 10), half]);
        assert_eq!(logs.violations(), ["incomplete"]);
    }
}

#[test]
fn unexpected_death_of_a_process_is_a_violation() {
    let logs = Logs::default().by(A, 1000, &[won(5, 10), Entry::Died { at: 20 }]);
    assert_eq!(logs.violations(), ["died"]);
}

#[test]
fn overlapping_silences_are_merged() {
    let after = |second| {
        Logs::default()
            .by(A, 1000, &[won(5, 10), admitted(5, 0, 161, 300)])
            .silence(0, second, 160)
            .silence(0, 50, 120)
            .silence(1, 110, 130)
            .violations()
    };
    assert_eq!(after(100), ["outlived"]);
    // It may have renewed between two separate silences.
    assert!(after(121).is_empty());
}

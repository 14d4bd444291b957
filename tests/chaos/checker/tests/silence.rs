//! G4, and what the logs must tell.

use super::*;

#[test]
fn a_term_ends_in_a_silence_that_is_longer_than_a_lease() {
    let after = |until, outside| {
        Told::default()
            .by(A, 1000, &[won(5, 10), admitted(5, 0, outside, 300)])
            .silence(0, 50, until)
            .violations()
    };
    assert_eq!(after(160, 161), ["outlived"]);
    // Still silent, and its lease is over.
    assert_eq!(after(160, 151), ["outlived"]);
    assert!(after(160, 149).is_empty());
    // A shorter silence, after which it may have renewed.
    assert!(after(149, 151).is_empty());
}

#[test]
fn a_silence_is_nothing_to_another_candidate_or_a_later_term() {
    let told = Told::default()
        .by(A, 1000, &[won(5, 170), admitted(5, 0, 171, 172)])
        .by(
            B,
            1000,
            &[won(4, 10), admitted(4, 0, 160, 161), done(0, 162)],
        )
        .silence(0, 50, 160);
    assert!(told.violations().is_empty());
}

#[test]
fn a_term_of_which_the_log_misses_the_begin_or_the_end_is_wrong() {
    for silent in [admitted(5, 0, 10, 11), open(5, 10, 11), lost(5, 10)] {
        let told = Told::default().by(A, 1000, &[silent]);
        assert_eq!(told.violations(), ["untold"]);
    }
    let [_, released] = handed_over(5, 30, 40);
    for half in [won(6, 30), released] {
        let told = Told::default().by(A, 1000, &[won(5, 10), half]);
        assert_eq!(told.violations(), ["untold"]);
    }
}

#[test]
fn a_process_that_dies_by_itself_is_wrong() {
    let told = Told::default().by(A, 1000, &[won(5, 10), Entry::Died { at: 20 }]);
    assert_eq!(told.violations(), ["died"]);
}

#[test]
fn silences_that_overlap_are_one() {
    let after = |second| {
        Told::default()
            .by(A, 1000, &[won(5, 10), admitted(5, 0, 161, 300)])
            .silence(0, second, 160)
            .silence(0, 50, 120)
            .silence(1, 110, 130)
            .violations()
    };
    assert_eq!(after(100), ["outlived"]);
    // It may have renewed between the two.
    assert!(after(121).is_empty());
}

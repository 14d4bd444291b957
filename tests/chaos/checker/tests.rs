//! The checker finds what it is made for, and nothing else.

use super::*;
use crate::{history::Reader, log::Entry};

const LEASE: Duration = Duration::from_nanos(100);

/// Logs as candidates would write them, and what the checker says.
#[derive(Default)]
struct Told {
    history: History,
}

impl Told {
    /// The log of a process, which is killed at `ended`.
    fn by(mut self, holder: Holder, ended: u64, entries: &[Entry]) -> Self {
        let mut reader = Reader::new(holder);
        for entry in entries {
            reader.add(*entry);
        }
        self.history.tenures.extend(reader.finish(Some(ended)));
        self.history.tenures.sort_by_key(|tenure| tenure.token);
        self
    }

    fn silence(mut self, candidate: usize, from: u64, until: u64) -> Self {
        self.history.silences.push(Silence {
            candidate,
            from,
            until,
        });
        self
    }

    fn violations(&self) -> Vec<&'static str> {
        let name = |violation: &Violation| match violation {
            Violation::Overlap { .. } => "overlap",
            Violation::TwoHolders { .. } => "two holders",
            Violation::WonTwice { .. } => "won twice",
            Violation::Outlived { .. } => "outlived",
            Violation::Undrained { .. } => "undrained",
            Violation::Hasty { .. } => "hasty",
        };
        check(&self.history, LEASE).iter().map(name).collect()
    }
}

fn won(token: u64, at: u64) -> Entry {
    Entry::Won { token, at }
}

/// A request with the token, from before the gate to within it.
fn admitted(token: u64, id: u64, outside: u64, inside: u64) -> Entry {
    Entry::Admitted {
        id,
        token,
        outside,
        inside,
    }
}

fn done(id: u64, at: u64) -> Entry {
    Entry::Done { id, at }
}

/// A whole hand-over.
fn handed_over(token: u64, shut: u64, released: u64) -> [Entry; 2] {
    [
        Entry::Shut { token, at: shut },
        Entry::Released {
            token,
            at: released,
        },
    ]
}

const A: Holder = (0, 0);
const B: Holder = (1, 0);

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
    assert!(told.violations().is_empty());
}

#[test]
fn a_smaller_token_after_a_larger_one_is_two_gates() {
    let late = |outside| {
        Told::default()
            .by(
                A,
                1000,
                &[admitted(5, 0, 10, 11), admitted(5, 1, outside, 60)],
            )
            .by(B, 1000, &[admitted(6, 0, 29, 30)])
    };
    assert_eq!(late(31).violations(), ["overlap"]);
    // Stopped between the gate and the handler: it may have been admitted in time.
    assert!(late(30).violations().is_empty());
}

#[test]
fn the_term_after_the_next_counts_as_well() {
    let told = Told::default()
        .by(A, 1000, &[admitted(5, 0, 50, 51)])
        .by(B, 1000, &[admitted(6, 0, 60, 61)])
        .by((2, 0), 1000, &[admitted(7, 0, 29, 30)]);
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
    let told = Told::default().by(A, 1000, &[won(5, 10), won(5, 30)]);
    assert_eq!(told.violations(), ["won twice"]);
}

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
fn a_lease_that_is_released_under_a_request_is_wrong() {
    let [shut, released] = handed_over(5, 30, 40);
    let open = [admitted(5, 0, 10, 11), shut, released, done(0, 41)];
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
    let open = [admitted(5, 0, 10, 11), shut, released, done(0, 60)];
    let told = Told::default()
        .by(A, 1000, &open)
        .by(B, 1000, &[admitted(6, 0, 49, 50)]);
    assert_eq!(told.violations(), ["hasty", "undrained"]);
}

#[test]
fn requests_of_a_lost_term_may_go_on_until_their_process_is_killed() {
    let next = |told: Told| told.by(B, 2000, &[admitted(6, 0, 49, 50)]).violations();
    let open = [admitted(5, 0, 10, 11)];
    assert!(next(Told::default().by(A, 1000, &open)).is_empty());
    // The drain timeout passed first.
    let [shut, released] = handed_over(5, 30, 30 + nanos(crate::candidate::DRAIN_TIMEOUT));
    let open = [admitted(5, 0, 10, 11), shut, released];
    let told = Told::default().by(A, u64::MAX, &open);
    assert_eq!(told.history.tenures[0].last_done, u64::MAX);
    assert!(next(told).is_empty());
}

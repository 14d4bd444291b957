//! Many shards, whose terms rest on one lease of their node.

use super::*;

/// The same entry of another shard.
fn of(shard: u32, mut entry: Entry) -> Entry {
    match &mut entry {
        Entry::Won { term, .. }
        | Entry::Admitted { term, .. }
        | Entry::Open { term, .. }
        | Entry::Shut { term, .. }
        | Entry::Closed { term, .. }
        | Entry::Released { term, .. }
        | Entry::Losing { term, .. }
        | Entry::Lost { term, .. } => term.shard = shard,
        Entry::Joined { .. } | Entry::Done { .. } | Entry::Died { .. } => (),
    }
    entry
}

fn losing(token: u64, at: u64) -> Entry {
    Entry::Losing {
        term: id(token),
        at,
    }
}

fn closed(token: u64, at: u64) -> Entry {
    Entry::Closed {
        term: id(token),
        at,
    }
}

/// Two terms in two nodes, of which the first is seen open after the second has begun.
fn overlapping(first: u32, second: u32) -> Logs {
    let old = [won(5, 9), open(5, 60, 61)].map(|entry| of(first, entry));
    let new = [won(6, 30), open(6, 31, 32)].map(|entry| of(second, entry));
    Logs::default().by(A, 1000, &old).by(B, 1000, &new)
}

#[test]
fn each_shard_has_one_gate() {
    assert!(overlapping(3, 4).violations().is_empty());
    assert_eq!(overlapping(3, 3).violations(), ["overlap"]);
    assert_eq!(overlapping(4, 4).violations(), ["overlap"]);
}

#[test]
fn tokens_belong_to_a_shard_and_grow() {
    let terms = |first, second| {
        let log = [won(9, 10), lost(9, 11), of(second, won(7, 12))];
        let other = of(first, won(9, 13));
        let logs = Logs::default().by(A, 1000, &log).by(B, 1000, &[other]);
        logs.violations()
    };
    assert!(terms(1, 1).is_empty());
    assert_eq!(terms(0, 1), ["two holders"]);
    assert_eq!(terms(1, 0), ["regressed"]);
}

#[test]
fn terms_of_several_shards_may_be_current_in_one_node() {
    let both = [
        won(5, 10),
        of(1, won(6, 11)),
        of(1, losing(6, 20)),
        losing(5, 20),
    ];
    assert!(Logs::default().by(A, 1000, &both).violations().is_empty());
    let again = [won(5, 10), of(1, won(6, 11)), won(7, 20)];
    let logs = Logs::default().by(A, 1000, &again);
    assert_eq!(logs.violations(), ["incomplete"]);
}

#[test]
fn gate_is_not_known_to_be_closed_until_it_is_seen() {
    let until = |outside| {
        let log = [
            won(5, 10),
            losing(5, 20),
            open(5, outside, outside + 1),
            closed(5, 25),
        ];
        Logs::default().by(A, 1000, &log).violations()
    };
    assert!(until(25).is_empty());
    assert_eq!(until(26), ["late"]);
    assert_eq!(
        Logs::default().by(A, 1000, &[losing(5, 20)]).violations(),
        ["incomplete"]
    );
}

#[test]
fn a_copy_may_win_shards_under_the_copied_lease_only() {
    let logs = |joined, until| {
        let original = [Entry::Joined { at: 5 }, won(5, 10), losing(5, 45)];
        let copy = [
            &original[..2],
            &[
                Entry::Joined { at: joined },
                won(6, 50),
                open(6, until, until),
            ],
        ]
        .concat();
        Logs::default().by(A, 1000, &original).copy(29, &copy).by(
            B,
            1000,
            &[Entry::Joined { at: 1 }, won(7, 60)],
        )
    };
    assert!(logs(20, 130).violations().is_empty());
    assert_eq!(logs(20, 131).violations(), ["overlap"]);
    // A lease that it won itself.
    assert_eq!(logs(48, 130).violations(), ["overlap"]);
}

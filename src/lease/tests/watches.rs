//! New watches: of another bucket under the same name, or of a store that may have lost writes.

use super::{super::*, harness::*};

const RECREATED: Action = Action::Notice(Notice::Recreated);

fn watching(epoch: u64) -> Input {
    Input::Watching { epoch }
}

/// A new watch of the same bucket. The store may reject a write before the read that follows.
fn watch_again(d: &mut Driver, seen: &Observation) {
    let actions = d.feed(watching(5));
    assert_eq!(actions, [d.read()]);
    assert_eq!(d.answer(seen.clone()), []);
}

fn lossy() -> Candidate {
    Candidate {
        lossy_store: true,
        ..candidate()
    }
}

#[test]
fn another_watch_of_the_bucket_changes_nothing() {
    let seen = holds(BEFORE, &theirs(LEASE));
    let mut d = Driver::that_read(candidate(), seen.clone());
    watch_again(&mut d, &seen);
    watch_again(d.at(3_000), &seen);
    assert_eq!(d.campaign(&seen), (LEASE, BEFORE, mine(BEFORE)));
    let mut d = Driver::leading();
    let seen = holds(TOKEN, &mine(BEFORE));
    watch_again(&mut d, &seen);
    watch_again(&mut d, &seen);
    assert!(d.leads());
    assert_eq!(d.wake(), [d.write(TOKEN, renewed(TOKEN, 1))]);
}

#[test]
fn another_bucket_ends_the_term() {
    let mut d = Driver::leading();
    d.feed(watching(5));
    assert_eq!(
        d.at(1_000).feed(watching(6)),
        [RECREATED, end(Ended::Recreated), d.read()]
    );
    // The floor is kept.
    let mark = mine(TOKEN).vacant(ms(LEASE));
    assert_eq!(d.answer(absent(0)), [absent_for(LEASE), d.write(0, mark)]);
}

/// The record in the new bucket is waited out, although one at the same revision was seen long ago.
#[test]
fn another_bucket_voids_sightings() {
    let seen = holds(BEFORE, &theirs(LEASE));
    let mut d = Driver::that_read(candidate(), seen.clone());
    d.feed(watching(5));
    d.keep_reading(&seen, LEASE - 1_000);
    assert_eq!(d.at(14_500).feed(watching(6)), [RECREATED, d.read()]);
    assert_eq!(d.answer(seen.clone()), []);
    assert_eq!(d.campaign(&seen), (14_500 + LEASE, BEFORE, mine(BEFORE)));
}

#[test]
fn another_bucket_voids_a_pending_write() {
    let mut d = Driver::acquiring(candidate());
    let pending = d.attempt();
    d.feed(watching(5));
    assert_eq!(d.feed(watching(6)), [RECREATED, d.read()]);
    let late = Input::Written {
        attempt: pending,
        outcome: Outcome::Acknowledged(TOKEN),
    };
    assert_eq!(d.feed(late), []);
    assert!(d.follows());
    // It may have been applied in the new bucket.
    d.at(1_000).answer(holds(TOKEN, &mine(BEFORE)));
    assert_eq!(d.written().0, TOKEN);
}

#[test]
fn another_bucket_leaves_nothing_to_release() {
    let mut d = Driver::leading();
    d.feed(watching(5));
    d.feed(Input::Shutdown);
    let actions = d.feed(watching(6));
    let ended = [RECREATED, end(Ended::Recreated), Action::Close];
    assert!(actions.starts_with(&ended), "{actions:?}");
    let settled = d.feed(Input::Drained { token: 0 });
    assert_eq!(settled, [Action::Settled(Settled::Released)]);
}

#[test]
fn lossy_store_waits_after_a_first_release() {
    let seen = holds(BEFORE, &theirs(5_000).released(BEFORE));
    let mut d = Driver::that_read(lossy(), seen.clone());
    assert_eq!(d.campaign(&seen), (5_000, BEFORE, mine(BEFORE)));
    // A release that replaces a record that was seen is free at once.
    let seen = holds(BEFORE, &theirs(LEASE));
    let mut d = Driver::that_read(lossy(), seen.clone());
    watch_again(&mut d, &seen);
    let release = theirs(LEASE).released(BEFORE);
    assert_eq!(
        d.at(1_000).push(holds(8, &release)),
        [write(3, 8, mine(BEFORE))]
    );
}

#[test]
fn new_watch_of_a_lossy_store_restarts_wait() {
    let seen = holds(BEFORE, &theirs(LEASE));
    let mut d = Driver::that_read(lossy(), seen.clone());
    d.keep_reading(&seen, 9_000);
    watch_again(d.at(9_000), &seen);
    assert_eq!(d.campaign(&seen), (9_000 + LEASE, BEFORE, mine(BEFORE)));
    // The same holds for a release, which a lost write may have replaced.
    let mut d = Driver::that_read(lossy(), holds(BEFORE, &theirs(LEASE)));
    d.machine.me.observer = true;
    let release = holds(8, &theirs(LEASE).released(BEFORE));
    d.push(release.clone());
    d.machine.me.observer = false;
    watch_again(d.at(1_000), &release);
    assert_eq!(d.campaign(&release), (1_000 + LEASE, 8, mine(BEFORE)));
}

/// A node whose watches end more often than a lease could otherwise never lead.
#[test]
fn lossy_store_waits_four_times_at_most() {
    let seen = holds(BEFORE, &theirs(LEASE));
    let mut d = Driver::that_read(lossy(), seen.clone());
    let mut opened = 0;
    while opened + 10_000 < 4 * LEASE {
        opened += 10_000;
        d.keep_reading(&seen, opened);
        watch_again(d.at(opened), &seen);
    }
    assert_eq!(d.campaign(&seen), (4 * LEASE, BEFORE, mine(BEFORE)));
}

#[test]
fn leader_keeps_its_term_over_a_new_watch() {
    let release = holds(BEFORE, &released());
    let mut d = Driver::that_read(lossy(), release.clone());
    d.campaign(&release);
    d.acknowledge(TOKEN);
    assert!(d.leads());
    watch_again(&mut d, &holds(TOKEN, &mine(BEFORE)));
    assert!(d.leads());
    assert_eq!(d.wake(), [d.write(TOKEN, renewed(TOKEN, 1))]);
}

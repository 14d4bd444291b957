//! A candidate that only observes.

use super::{super::*, harness::*};

fn observer() -> Candidate {
    Candidate {
        observer: true,
        ..candidate()
    }
}

/// States of the key in which other candidates write.
fn invitations() -> [Observation; 6] {
    [
        holds(9, &theirs(LEASE)),
        holds(9, &released()),
        holds(9, &theirs(LEASE).vacant(ms(LEASE))),
        absent(9),
        absent(0),
        garbage(9),
    ]
}

#[test]
fn never_writes() {
    for trust_absent_key in [false, true] {
        for seen in invitations() {
            let me = Candidate {
                trust_absent_key,
                ..observer()
            };
            let mut d = Driver::that_read(me, seen.clone());
            while d.elapsed() < 10 * LEASE {
                let actions = d.wake();
                assert!(!actions.iter().any(is_write), "{seen:?}: {actions:?}");
                if actions.iter().any(is_read) {
                    d.answer(seen.clone());
                }
            }
        }
    }
}

#[test]
fn names_the_leader_until_its_lease_expires() {
    let mut d = Driver::that_read(observer(), holds(BEFORE, &theirs(LEASE)));
    assert_eq!(d.leader_at(at(LEASE - 1)).unwrap().token(), BEFORE.into());
    d.at(5_000)
        .push(holds(8, &theirs(LEASE).renewed(BEFORE, 1)));
    let holder = d.leader_at(at(5_000 + LEASE - 1)).unwrap();
    assert_eq!((holder.id(), holder.token()), ("other", BEFORE.into()));
    assert_eq!(d.leader_at(at(5_000 + LEASE)), None);
}

#[test]
fn notices_a_release() {
    let mut d = Driver::that_read(observer(), holds(BEFORE, &theirs(LEASE)));
    assert_eq!(d.at(1_000).push(holds(8, &released())), []);
    assert_eq!(d.leader(), None);
}

#[test]
fn reads_when_the_watch_is_silent() {
    let mut d = Driver::that_read(observer(), holds(BEFORE, &theirs(LEASE)));
    assert_eq!(d.wake(), [read(2)]);
    assert!((5_750..=6_750).contains(&d.elapsed()));
}

#[test]
fn believes_an_older_revision_after_a_wait() {
    let mut d = Driver::that_read(observer(), holds(100, &theirs(LEASE)));
    let older = holds(5, &theirs(LEASE).renewed(BEFORE, 1));
    d.at(1_000).push(older.clone());
    d.keep_reading(&older, LEASE);
    d.tick_at(LEASE);
    d.keep_reading(&older, 1_000 + LEASE);
    assert_eq!(d.wake(), [data_lost(100, 5)]);
}

#[test]
fn has_nothing_to_release() {
    let mut d = Driver::that_read(observer(), holds(BEFORE, &released()));
    for input in [Input::StepDown, Input::Shutdown] {
        assert_eq!(d.feed(input), [Action::Close]);
        // An observer does not mark an absent key.
        assert!(!d.push(absent(0)).iter().any(is_write));
        let settled = d.feed(Input::Drained { token: 0 });
        assert!(settled.contains(&Action::Settled(Settled::Released)));
    }
    assert_eq!(d.status(), Status::Stopped);
}

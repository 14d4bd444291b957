//! Accepted writes are in the storage once.

use super::*;
use crate::writes::{Stored, Write};

const SECOND: u64 = 1_000_000_000;

fn write(id: u64) -> Write {
    Write {
        id,
        shard: 3,
        token: 5,
    }
}

fn stored(id: u64, candidate: usize, at: u64) -> Stored {
    let write = write(id);
    Stored {
        write,
        candidate,
        at,
    }
}

fn check_writes(logs: Logs, accepted: &[Write], stored: &[Stored]) -> Vec<&'static str> {
    let mut logs = logs;
    logs.history.writes.accepted = accepted.to_vec();
    logs.history.writes.stored = stored.to_vec();
    logs.violations()
}

#[test]
fn accepted_write_that_is_not_stored_is_a_violation() {
    let is_stored = [stored(1, 0, 10), stored(2, 0, 11)];
    let with = |accepted: &[Write]| check_writes(Logs::default(), accepted, &is_stored);
    // A stored write may have no response.
    assert!(with(&[write(2)]).is_empty());
    assert_eq!(with(&[write(2), write(3)]), ["unstored"]);
    for other in [
        Write {
            shard: 4,
            ..write(2)
        },
        Write {
            token: 6,
            ..write(2)
        },
    ] {
        assert_eq!(with(&[other]), ["unstored"], "{other:?}");
    }
}

#[test]
fn write_that_is_stored_twice_is_a_violation() {
    let twice = |candidate, at| [stored(1, 0, 5 * SECOND), stored(1, candidate, at)];
    let alone = check_writes(Logs::default(), &[write(1)], &twice(0, 6 * SECOND));
    assert_eq!(alone, ["stored twice"]);

    // A process and its copy both go on with what was in progress.
    let copied = |candidate, at| {
        let logs = Logs::default().copy(4 * SECOND, &[]);
        check_writes(logs, &[write(1)], &twice(candidate, at))
    };
    assert!(copied(0, 11 * SECOND).is_empty());
    assert_eq!(copied(0, 12 * SECOND), ["stored twice"]);
    assert_eq!(copied(1, 6 * SECOND), ["stored twice"]);
    assert_eq!(copied(0, 3 * SECOND), Vec::<&str>::new());
    let early = [stored(1, 0, 2 * SECOND), stored(1, 0, 3 * SECOND)];
    let logs = Logs::default().copy(4 * SECOND, &[]);
    assert_eq!(check_writes(logs, &[write(1)], &early), ["stored twice"]);
    // In another term it is not the same request.
    let mut other = twice(0, 6 * SECOND);
    other[1].write.token = 6;
    let logs = Logs::default().copy(4 * SECOND, &[]);
    let violations = check_writes(logs, &[other[1].write], &other);
    assert_eq!(violations, ["stored twice"]);
}

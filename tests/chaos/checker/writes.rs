//! Every accepted write is in the storage once.

use std::{collections::HashMap, time::Duration};

use super::Violation;
use crate::{
    clock::nanos,
    history::History,
    writes::{Stored, Write},
};

/// The longest time from the start of a request to its write in the storage: half of the longest request, and the longest
/// wait for the storage.
const UNDER_WAY: Duration = Duration::from_secs(7);

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut stored = HashMap::<u64, Stored>::new();
    let mut violations = Vec::new();
    for second in &history.writes.stored {
        if let Some(first) = stored.insert(second.write.id, *second)
            && !is_of_copied(history, &[first, *second])
        {
            let writes = [first, *second];
            violations.push(Violation::StoredTwice { writes });
        }
    }
    let is_stored =
        |write: &&Write| stored.get(&write.id).map(|stored| stored.write) == Some(**write);
    let accepted = history.writes.accepted.iter();
    let unstored = accepted.filter(|write| !is_stored(write));
    violations.extend(unstored.map(|write| Violation::Unstored { write: *write }));
    violations
}

/// Whether the request was in progress while its process was copied: then both go on with it, in the same term.
fn is_of_copied(history: &History, writes: &[Stored; 2]) -> bool {
    let [first, second] = writes;
    history.copies.iter().any(|copied| {
        let latest = copied.until.saturating_add(nanos(UNDER_WAY));
        first.write == second.write
            && writes
                .iter()
                .all(|stored| stored.candidate == copied.original.0 && stored.at <= latest)
            && writes.iter().any(|stored| stored.at >= copied.from)
    })
}

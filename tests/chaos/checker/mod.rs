//! The invariants of every history. A process may have been stopped between any two of its steps, so the checker
//! reports a violation only if no order of the known events could be correct.

#[cfg(test)]
mod tests;
mod violation;
mod writes;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock::nanos,
    history::{Copied, History, Silence, Tenure},
    log::TermId,
};

pub(crate) use violation::Violation;

/// All violations in a history with this lease.
pub(crate) fn check(history: &History, lease: Duration) -> Vec<Violation> {
    let silences = merged(&history.silences);
    let mut violations = writes::check(history);
    for of_shard in history
        .tenures
        .chunk_by(|a, b| a.term.shard == b.term.shard)
    {
        violations.extend(owners(history, of_shard, lease));
        violations.extend(order(history, of_shard, &silences, lease));
    }
    for tenure in &history.tenures {
        violations.extend(outlived(tenure, &silences, lease));
        violations.extend(alone(tenure));
    }
    let died = |&holder| Violation::Died { holder };
    violations.extend(history.dead.iter().map(died));
    violations
}

/// The violations of one term, independent of the others.
fn alone(tenure: &Tenure) -> impl Iterator<Item = Violation> {
    type Found = fn(Tenure) -> Violation;
    let checks: [(bool, Found); 5] = [
        (tenure.wins > 1, |tenure| Violation::WonTwice { tenure }),
        (tenure.backwards, |tenure| Violation::Regressed { tenure }),
        (tenure.is_incomplete(), |tenure| Violation::Incomplete {
            tenure,
        }),
        (
            tenure.shut_by.is_some_and(|by| tenure.last_outside > by),
            |tenure| Violation::Late { tenure },
        ),
        (
            tenure.handed_over().is_some() && tenure.undrained > 0,
            |tenure| Violation::Undrained { tenure },
        ),
    ];
    let found = move |(is_wrong, found): (bool, Found)| is_wrong.then(|| found(tenure.clone()));
    checks.into_iter().filter_map(found)
}

/// G2: each token of a shard belongs to one term.
///
/// A process and its copy may share a term, until the deadline at the time of the copy.
fn owners(history: &History, of_shard: &[Tenure], lease: Duration) -> Vec<Violation> {
    let mut owners = BTreeMap::<TermId, &Tenure>::new();
    let mut violations = Vec::new();
    for tenure in of_shard {
        let first = *owners.entry(tenure.term).or_insert(tenure);
        let is_shared = || {
            let both = [first, tenure];
            history.copies.iter().any(|copied| {
                both.iter().all(|tenure| is_of_image(tenure, copied))
                    && both
                        .iter()
                        .any(|tenure| ends_with_image(tenure, copied, lease))
            })
        };
        if first.holder != tenure.holder && !is_shared() {
            violations.push(Violation::TwoHolders {
                term: tenure.term,
                holders: [first.holder, tenure.holder],
            });
        }
    }
    violations
}

/// Whether a term is of a process that was copied, or of the copy.
fn is_of_image(tenure: &Tenure, copied: &Copied) -> bool {
    [copied.original, copied.copy].contains(&tenure.holder)
}

/// Whether the gate closed by the latest deadline that the image of the process can have.
fn ends_with_image(tenure: &Tenure, copied: &Copied, lease: Duration) -> bool {
    tenure.last_outside <= copied.until.saturating_add(nanos(lease))
}

/// G1, G2 and G5 of one shard: no event with a smaller token follows the win of a larger one. A gate opens only after its win,
/// when the gate before it has closed.
///
/// A leader whose record the servers have lost may keep its gate open until its deadline. So may a process and its copy,
/// of which the other may have written the record since. Terms that they win under the lease that was copied end with it.
fn order(
    history: &History,
    of_shard: &[Tenure],
    silences: &[Silence],
    lease: Duration,
) -> Vec<Violation> {
    let outlives_its_record = |old: &Tenure, new: &Tenure| {
        history.losses.iter().any(|&lost| {
            let is_over = old.last_outside <= lost.saturating_add(nanos(lease));
            old.begun() < lost && lost <= new.begun() && is_over
        })
    };
    let is_of_copied = |old: &Tenure, new: &Tenure| {
        history.copies.iter().any(|copied| {
            is_of_image(old, copied)
                && old.leased() < copied.until
                && copied.from <= new.begun()
                && ends_with_image(old, copied, lease)
        })
    };
    let mut violations = Vec::new();
    // Of all terms with a larger token, the one that started first.
    let mut next: Option<&Tenure> = None;
    for tenure in of_shard.iter().rev() {
        if let Some(new) = next.filter(|new| new.term > tenure.term) {
            let begun = new.begun();
            let pair = || (tenure.clone(), new.clone());
            let is_backwards =
                || won_after(tenure, silences, lease).is_some_and(|after| after > begun);
            if tenure.last_outside > begun {
                if !outlives_its_record(tenure, new) && !is_of_copied(tenure, new) {
                    let (old, new) = pair();
                    violations.push(Violation::Overlap { old, new });
                }
            } else if is_backwards() {
                let (old, new) = pair();
                violations.push(Violation::Backwards { old, new });
            }
            let is_hasty = tenure.handed_over().is_some() && tenure.last_done > begun;
            if is_hasty && !is_of_copied(tenure, new) {
                let (old, new) = pair();
                violations.push(Violation::Hasty { old, new });
            }
        }
        if next.is_none_or(|next| tenure.begun() < next.begun()) {
            next = Some(tenure);
        }
    }
    violations
}

/// A time at which the term was not won yet. A win is logged at once: later than after half a lease only if the
/// process was stopped in between.
fn won_after(tenure: &Tenure, silences: &[Silence], lease: Duration) -> Option<u64> {
    let (told, slack) = (tenure.won?, nanos(lease / 2));
    let stopped = |silence: &&Silence| {
        silence.candidate == tenure.holder.0
            && silence.from <= told
            && silence.until.saturating_add(slack) >= told
    };
    let silence = silences.iter().find(stopped);
    let latest = silence.map_or(told, |silence| silence.from);
    Some(latest.saturating_sub(slack))
}

/// Merges overlapping silences of one candidate, such as a stop during a cut.
fn merged(silences: &[Silence]) -> Vec<Silence> {
    let mut sorted = silences.to_vec();
    sorted.sort_by_key(|silence| (silence.candidate, silence.from));
    let mut merged: Vec<Silence> = Vec::new();
    for silence in sorted {
        match merged.last_mut() {
            Some(last) if last.candidate == silence.candidate && silence.from <= last.until => {
                last.until = last.until.max(silence.until);
            }
            _ => merged.push(silence),
        }
    }
    merged
}

/// G4: a term that was renewed before a silence ends within one lease of the silence's start.
fn outlived(tenure: &Tenure, silences: &[Silence], lease: Duration) -> Option<Violation> {
    let outlived = |silence: &&Silence| {
        let end = silence.from + nanos(lease);
        silence.candidate == tenure.holder.0
            && tenure.begun() < silence.from
            && silence.until >= end
            && tenure.last_outside > end
    };
    let silence = *silences.iter().find(outlived)?;
    Some(Violation::Outlived {
        tenure: tenure.clone(),
        silence,
    })
}

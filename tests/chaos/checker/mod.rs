//! What must be true of every history. A violation is told only where no order of what is known to have
//! happened could be right: a process may have been stopped between any two of its steps.

#[cfg(test)]
mod tests;
mod violation;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock::nanos,
    history::{History, Silence, Tenure},
};

pub(crate) use violation::Violation;

/// All violations of a history, whose lease is `lease`.
pub(crate) fn check(history: &History, lease: Duration) -> Vec<Violation> {
    let silences = merged(&history.silences);
    let mut violations = owners(&history.tenures);
    violations.extend(order(&history.tenures, &silences, lease));
    for tenure in &history.tenures {
        violations.extend(outlived(tenure, &silences, lease));
        violations.extend(alone(tenure));
    }
    let died = |&holder| Violation::Died { holder };
    violations.extend(history.dead.iter().map(died));
    violations
}

/// What is wrong with a term whatever the others did.
fn alone(tenure: &Tenure) -> impl Iterator<Item = Violation> {
    type Found = fn(Tenure) -> Violation;
    let checks: [(bool, Found); 5] = [
        (tenure.wins > 1, |tenure| Violation::WonTwice { tenure }),
        (tenure.backwards, |tenure| Violation::Regressed { tenure }),
        (tenure.is_untold(), |tenure| Violation::Untold { tenure }),
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

/// G2: each token belongs to one term.
fn owners(tenures: &[Tenure]) -> Vec<Violation> {
    let mut owners = BTreeMap::new();
    let mut violations = Vec::new();
    for tenure in tenures {
        let first = *owners.entry(tenure.token).or_insert(tenure.holder);
        if first != tenure.holder {
            violations.push(Violation::TwoHolders {
                token: tenure.token,
                holders: [first, tenure.holder],
            });
        }
    }
    violations
}

/// G1, G2 and G5: nothing that has a smaller token happens after a larger one was won. A gate opens only
/// after that, and the one before has shut by then.
fn order(tenures: &[Tenure], silences: &[Silence], lease: Duration) -> Vec<Violation> {
    let mut violations = Vec::new();
    // The one that began first among those with larger tokens.
    let mut next: Option<&Tenure> = None;
    for tenure in tenures.iter().rev() {
        if let Some(new) = next.filter(|new| new.token > tenure.token) {
            let begun = new.begun();
            let pair = || (tenure.clone(), new.clone());
            if tenure.last_outside > begun {
                let (old, new) = pair();
                violations.push(Violation::Overlap { old, new });
            } else if won_after(tenure, silences, lease).is_some_and(|after| after > begun) {
                let (old, new) = pair();
                violations.push(Violation::Backwards { old, new });
            }
            if tenure.handed_over().is_some() && tenure.last_done > begun {
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

/// A time at which the term was not won yet. It is told right after it is won; only a process that is stopped
/// in between tells it later than half a lease.
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

/// Those of one candidate that overlap are one: a stop while it is cut off, say.
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

/// G4: whatever was renewed before a silence ends one lease after its begin.
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

//! What must be true of every history. A violation is told only where no order of what is known to have
//! happened could be right: a process may have been stopped between any two of its steps.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{
    clock::nanos,
    history::{History, Holder, Silence, Tenure},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// G1: a term admitted after a later one had.
    Overlap { old: Tenure, new: Tenure },
    /// G2: two processes had one token.
    TwoHolders { token: u64, holders: [Holder; 2] },
    /// G2: one process was told twice to have won the same term.
    WonTwice { tenure: Tenure },
    /// G4: a term outlived a silence that is longer than a lease.
    Outlived { tenure: Tenure, silence: Silence },
    /// G5: the lease was released while requests were under way, or the gate was open after that.
    Undrained { tenure: Tenure },
    /// G5: the next leader admitted before the requests of one that handed over were done.
    Hasty { old: Tenure, new: Tenure },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap { old, new } => write!(
                f,
                "G1, two gates: term {} admitted at {} or later, and term {} at {} or before\n  {old:?}\n  {new:?}",
                old.token, old.last_outside, new.token, new.first_inside
            ),
            Self::TwoHolders { token, holders } => write!(
                f,
                "G2, one token for two: {token} was that of {:?} and of {:?}",
                holders[0], holders[1]
            ),
            Self::WonTwice { tenure } => write!(f, "G2, one token for two terms: {tenure:?}"),
            Self::Outlived { tenure, silence } => write!(
                f,
                "G4, open without a lease: term {} admitted at {} or later, after {silence:?}\n  {tenure:?}",
                tenure.token, tenure.last_outside
            ),
            Self::Undrained { tenure } => {
                write!(f, "G5, released before it was drained: {tenure:?}")
            }
            Self::Hasty { old, new } => write!(
                f,
                "G5, overlap on purpose: term {} was at work until {}, and term {} admitted at {} or before\n  {old:?}\n  {new:?}",
                old.token, old.last_done, new.token, new.first_inside
            ),
        }
    }
}

/// All violations of a history, whose lease is `lease`.
pub(crate) fn check(history: &History, lease: Duration) -> Vec<Violation> {
    let mut violations = owners(&history.tenures);
    violations.extend(order(&history.tenures));
    for tenure in &history.tenures {
        violations.extend(outlived(tenure, &history.silences, lease));
        if tenure.handed_over().is_some() && tenure.undrained > 0 {
            violations.push(Violation::Undrained {
                tenure: tenure.clone(),
            });
        }
    }
    violations
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
        if tenure.wins > 1 {
            violations.push(Violation::WonTwice {
                tenure: tenure.clone(),
            });
        }
    }
    violations
}

/// G1, G2 and G5: nothing that has a smaller token happens after what has a larger one.
fn order(tenures: &[Tenure]) -> Vec<Violation> {
    let mut violations = Vec::new();
    // The one with the earliest admission among those with larger tokens.
    let mut next: Option<&Tenure> = None;
    for old in tenures.iter().rev() {
        if let Some(new) = next.filter(|new| new.token > old.token) {
            let (old_, new_) = (|| old.clone(), || new.clone());
            if old.last_outside > new.first_inside {
                violations.push(Violation::Overlap {
                    old: old_(),
                    new: new_(),
                });
            }
            if old.handed_over().is_some() && old.last_done > new.first_inside {
                violations.push(Violation::Hasty {
                    old: old_(),
                    new: new_(),
                });
            }
        }
        if next.is_none_or(|next| old.first_inside < next.first_inside) {
            next = Some(old);
        }
    }
    violations
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

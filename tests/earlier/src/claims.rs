//! Derives the time with two leaders from the logs of several candidates.

use std::{fs, path::Path, time::Duration};

use anyhow::Context;

use crate::look::{Line, Look, Seen};

/// A period in which every read by one candidate said that it leads, without a gap.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    looks: Vec<Look>,
}

impl Claim {
    fn first(&self) -> Look {
        self.looks[0]
    }

    fn last(&self) -> Look {
        self.looks[self.looks.len() - 1]
    }

    /// The flag was true from this time on, at the latest.
    pub(crate) fn since_ns(&self) -> u64 {
        self.first().after_ns
    }

    /// The flag was true until this time, at least.
    fn until_ns(&self) -> u64 {
        self.last().before_ns
    }

    /// Whether the instant of this read certainly lies within the claim.
    fn covers(&self, look: &Look) -> bool {
        self.since_ns() <= look.before_ns && look.after_ns <= self.until_ns()
    }

    fn meets(&self, other: &Self) -> bool {
        other.looks.iter().any(|look| self.covers(look))
            || self.looks.iter().any(|look| other.covers(look))
    }

    /// The least time for which both claims held.
    fn shared_ns(&self, other: &Self) -> u64 {
        let until = self.until_ns().min(other.until_ns());
        until.saturating_sub(self.since_ns().max(other.since_ns()))
    }
}

/// Parses the claims of one candidate.
pub(crate) fn read(log: &Path) -> anyhow::Result<Vec<Claim>> {
    let text = fs::read_to_string(log).with_context(|| log.display().to_string())?;
    parse(&text)
}

fn parse(text: &str) -> anyhow::Result<Vec<Claim>> {
    let mut claims: Vec<Claim> = Vec::new();
    for line in text.lines() {
        let Line { seen, look } = line.parse()?;
        match seen {
            Seen::Follows => {}
            Seen::Begins => claims.push(Claim { looks: vec![look] }),
            Seen::GoesOn => claims
                .last_mut()
                .context("`goes-on` without an earlier `begins`")?
                .looks
                .push(look),
        }
    }
    Ok(claims)
}

/// The time with two leaders.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Overlap {
    /// Whether there was an instant with two leaders.
    pub(crate) seen: bool,
    /// The total, at least.
    pub(crate) total: Duration,
    /// The longest period, at least.
    pub(crate) longest: Duration,
}

/// Compares each claim of each candidate with the claims of all others.
pub(crate) fn overlap(candidates: &[Vec<Claim>]) -> Overlap {
    let mut found = Overlap::default();
    for (number, ours) in candidates.iter().enumerate() {
        for theirs in &candidates[number + 1..] {
            for (a, b) in ours.iter().flat_map(|a| theirs.iter().map(move |b| (a, b))) {
                let shared = Duration::from_nanos(a.shared_ns(b));
                found.seen |= a.meets(b);
                found.total += shared;
                found.longest = found.longest.max(shared);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(logs: &[&str]) -> Overlap {
        let candidates: Vec<_> = logs.iter().map(|log| parse(log).unwrap()).collect();
        overlap(&candidates)
    }

    #[test]
    fn consecutive_claims_do_not_overlap() {
        let a = "begins 10 11\ngoes-on 20 21\nfollows 22 23\n";
        let b = "follows 1 2\nbegins 22 24\ngoes-on 30 31\n";
        assert_eq!(of(&[a, b]), Overlap::default());
    }

    #[test]
    fn paused_leader_claims_nothing_between_reads() {
        let a = "begins 10 11\ngoes-on 20 21\nfollows 90 91\n";
        let b = "begins 40 41\ngoes-on 95 96\n";
        assert_eq!(of(&[a, b]), Overlap::default());
    }

    #[test]
    fn single_stale_read_is_detected() {
        let a = "begins 10 11\ngoes-on 20 21\nbegins 90 91\nfollows 92 93\n";
        let b = "begins 40 41\ngoes-on 95 96\n";
        let found = of(&[a, b]);
        assert!(found.seen);
        assert_eq!(found.total, Duration::ZERO);
    }

    #[test]
    fn a_slow_read_proves_no_overlap() {
        // The read may have happened before the other claim started.
        let a = "begins 10 11\ngoes-on 39 60\nfollows 61 62\n";
        let b = "begins 40 41\ngoes-on 95 96\n";
        assert_eq!(of(&[a, b]), Overlap::default());
    }

    #[test]
    fn only_certain_overlap_is_measured() {
        let a = "begins 10 11\ngoes-on 20 21\nbegins 50 52\ngoes-on 70 71\nfollows 72 73\n";
        let b = "begins 40 41\ngoes-on 95 96\n";
        let c = "begins 94 95\ngoes-on 97 98\n";
        let found = of(&[a, b, c]);
        assert!(found.seen);
        assert_eq!(found.total, Duration::from_nanos(70 - 52));
        assert_eq!(found.longest, found.total);
    }
}

//! A read of the flag, and its line in the log.

use std::{fmt, str::FromStr};

use anyhow::{Context, bail};

/// The longest gap between two reads of one claim. A process with a longer gap was paused or starved, and claims
/// nothing for the time in between.
pub(crate) const GAP_NS: u64 = 50_000_000;

/// The result of a read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Seen {
    /// It leads, and the previous read said otherwise or was too long ago.
    Begins,
    /// It leads, as did all reads since the previous line, without a gap.
    GoesOn,
    /// It does not lead.
    Follows,
}

/// The flag was read at an instant between these two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Look {
    pub(crate) before_ns: u64,
    pub(crate) after_ns: u64,
}

/// A line of the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Line {
    pub(crate) seen: Seen,
    pub(crate) look: Look,
}

impl Line {
    pub(crate) fn claims(&self) -> bool {
        self.seen != Seen::Follows
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = match self.seen {
            Seen::Begins => "begins",
            Seen::GoesOn => "goes-on",
            Seen::Follows => "follows",
        };
        write!(f, "{seen} {} {}", self.look.before_ns, self.look.after_ns)
    }
}

impl FromStr for Line {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(' ');
        let seen = match words.next() {
            Some("begins") => Seen::Begins,
            Some("goes-on") => Seen::GoesOn,
            Some("follows") => Seen::Follows,
            _ => bail!("not a line of a log: {text:?}"),
        };
        let mut time =
            || -> anyhow::Result<u64> { Ok(words.next().context("a time is missing")?.parse()?) };
        let look = Look {
            before_ns: time()?,
            after_ns: time()?,
        };
        Ok(Self { seen, look })
    }
}

//! The errors of the handle and of the gate. Those of the store stand in [`store`](crate::store).

use std::{error::Error, fmt, time::Duration};

use thiserror::Error;

use crate::{LeaderInfo, store::StoreError};

/// A setting that is out of its bounds, or contradicts another.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{setting}` is {found}: {bound}")]
pub struct ConfigError {
    setting: &'static str,
    found: String,
    bound: String,
}

impl ConfigError {
    pub(crate) fn new(
        setting: &'static str,
        found: impl fmt::Display,
        bound: impl Into<String>,
    ) -> Self {
        Self {
            setting,
            found: found.to_string(),
            bound: bound.into(),
        }
    }

    /// The name of the setting, as the builder's method has it.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

/// Why an election did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The election has stopped, so that this node will not lead any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the election has stopped")]
pub struct Stopped;

/// Why a lease was not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReleaseError {
    /// The store did not acknowledge the release in time. The gate is shut all the same, and the others
    /// take over once the lease has run out.
    #[error("the lease could not be released and was left to expire, within {0:?}")]
    LeftToExpire(Duration),
    /// The election has stopped before.
    #[error("the election has stopped")]
    Stopped,
}

/// An error and all that caused it, for a log line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// The term ended while a request that was admitted under it was still under way.
///
/// The request may have been executed, in part or as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this node lost its term while the request was under way: it may have been executed")]
pub struct TermLost;

/// Why a request was not admitted.
///
/// The request was not executed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this node does not lead: {reason}")]
pub struct NotLeader {
    reason: Reason,
    leader: Option<LeaderInfo>,
    retry_after: Duration,
}

impl NotLeader {
    pub(crate) fn new(reason: Reason, leader: Option<LeaderInfo>, retry_after: Duration) -> Self {
        Self {
            reason,
            leader,
            retry_after,
        }
    }

    /// What keeps the gate shut.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Who leads, if that is known and is somebody else.
    #[must_use]
    pub fn leader(&self) -> Option<&LeaderInfo> {
        self.leader.as_ref()
    }

    /// When another attempt may be worth it. A guess.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

/// What keeps a gate shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Another node leads.
    NotLeader,
    /// No node leads at the moment, as far as this one knows.
    NoLeader,
    /// This node has won and is getting ready.
    Warming,
    /// This node is handing the lease over, or waits for its last requests before it leaves.
    Draining,
    /// This node takes no part in the election any more.
    Stopped,
}

impl Reason {
    /// The reason as it stands in the header `noleader-reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotLeader => "not_leader",
            Self::NoLeader => "no_leader",
            Self::Warming => "warming",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLeader => "another node does",
            Self::NoLeader => "no node does at the moment",
            Self::Warming => "it has won the election and is warming up",
            Self::Draining => "it is handing over to another node",
            Self::Stopped => "it has left the election",
        })
    }
}

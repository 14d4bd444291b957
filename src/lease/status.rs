use std::fmt;

use super::leader_info::LeaderInfo;
use crate::names::FencingToken;

/// The status of a node in its election.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// This node does not lead.
    ///
    /// Without a leader, this is also the status of a node that waits for its store after the start.
    Follower {
        /// The leader, if it is known.
        leader: Option<LeaderInfo>,
    },
    /// This node won the election and is running its warm-up. Its gate is closed.
    Warming,
    /// This node leads. Its gate is open.
    Leader {
        /// The fencing token of the term.
        token: FencingToken,
    },
    /// This node is stepping down or shutting down. Its gate is closed while the admitted requests finish, and then it
    /// releases the lease, if it still holds it.
    ///
    /// A node that lost the lease meanwhile is a follower of the new leader.
    Draining,
    /// The election has stopped on this node: it was shut down, its client is closed, or its task has ended early.
    ///
    /// [`LeaderHandle::stopped`](crate::LeaderHandle::stopped) returns the reason.
    Stopped,
}

impl Status {
    /// The name of the variant in lower case.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Follower { .. } => "follower",
            Self::Warming => "warming",
            Self::Leader { .. } => "leader",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Follower { leader: None } => f.write_str("follower, no leader"),
            Self::Follower {
                leader: Some(leader),
            } => write!(f, "follower of {}", leader.id()),
            Self::Warming => f.write_str("warming up"),
            Self::Leader { .. } | Self::Draining | Self::Stopped => f.write_str(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_each_status() {
        let token = FencingToken::from(7);
        let leader = LeaderInfo::new("a".to_owned(), None, token);
        let leader = Some(leader);
        let read = [
            (Status::Follower { leader: None }, "follower, no leader"),
            (Status::Follower { leader }, "follower of a"),
            (Status::Warming, "warming up"),
            (Status::Leader { token }, "leader"),
            (Status::Draining, "draining"),
            (Status::Stopped, "stopped"),
        ];
        for (status, reads) in read {
            assert_eq!(status.to_string(), reads);
        }
    }
}

use std::fmt;

use crate::{config::check_address, error::Reason, lease::Holder};

/// Where a node stands in the election.
///
/// This is what the background task published last. For a decision that must be exact at this instant ask
/// [`LeaderHandle::is_leader`](crate::LeaderHandle::is_leader), which compares the deadline itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does not lead.
    Follower {
        /// Who does, if that is known.
        leader: Option<LeaderInfo>,
    },
    /// It has won and runs its warm-up; the gate is shut.
    Warming,
    /// It leads; the gate is open.
    Leader,
    /// It was told to stop: the gate is shut, admitted requests finish, and then the lease is released, if it is held
    /// still. One that was overtaken is a follower meanwhile.
    Draining,
    /// It takes no part any more.
    Stopped,
}

impl Status {
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Follower { leader: Some(_) } => Reason::NotLeader,
            // A leader whose gate is shut has just lost its term and does not know yet.
            Self::Follower { leader: None } | Self::Leader => Reason::NoLeader,
            Self::Warming => Reason::Warming,
            Self::Draining => Reason::Draining,
            Self::Stopped => Reason::Stopped,
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
            Self::Leader => f.write_str("leader"),
            Self::Draining => f.write_str("draining"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderInfo {
    /// The leader's id.
    pub id: String,
    /// The leader's address, if it publishes one. An absolute URI without credentials; an address in
    /// the bucket that is none is left out.
    pub address: Option<String>,
    /// The fencing token of the leader's term.
    pub token: u64,
}

impl LeaderInfo {
    /// The leader's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The leader's address, if it publishes one.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// The fencing token of the leader's term.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token
    }
}

impl From<Holder> for LeaderInfo {
    fn from(holder: Holder) -> Self {
        // Anybody with access to the bucket can write there.
        let address = holder
            .address
            .filter(|address| check_address(address).is_ok());
        Self {
            id: holder.id,
            address,
            token: holder.token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_out_of_the_bucket_is_checked() {
        let address = |address: &str| {
            LeaderInfo::from(Holder {
                id: "a".to_owned(),
                address: Some(address.to_owned()),
                token: 1,
            })
            .address
        };
        assert_eq!(address("http://h:1"), Some("http://h:1".to_owned()));
        assert_eq!(address("http://u:p@h:1"), None);
        assert_eq!(address("h:1\r\nx: y"), None);
    }

    #[test]
    fn names_the_leader_with_its_token() {
        let info = LeaderInfo::from(Holder {
            id: "a".to_owned(),
            address: Some("http://h:1".to_owned()),
            token: 7,
        });
        let named = (info.id(), info.address(), info.token());
        assert_eq!(named, ("a", Some("http://h:1"), 7));
    }

    #[test]
    fn each_reads_well() {
        let leader = |id: &str| Status::Follower {
            leader: Some(LeaderInfo::from(Holder {
                id: id.to_owned(),
                address: None,
                token: 7,
            })),
        };
        let read = [
            (Status::Follower { leader: None }, "follower, no leader"),
            (leader("a"), "follower of a"),
            (Status::Warming, "warming up"),
            (Status::Leader, "leader"),
            (Status::Draining, "draining"),
            (Status::Stopped, "stopped"),
        ];
        for (status, reads) in read {
            assert_eq!(status.to_string(), reads);
        }
    }
}

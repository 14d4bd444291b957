use std::fmt;

/// The status of a node that takes part in the shards, from [`Shards::status`](crate::Shards::status) and
/// [`Shards::watch`](crate::Shards::watch).
///
/// ```
/// use noleader::ShardsStatus;
///
/// assert_eq!(ShardsStatus::Member { owned: 7 }.to_string(), "holding 7 shards");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardsStatus {
    /// It has no session: it has just started, or has lost its session. It leads no shard.
    #[default]
    Joining,
    /// It has a session.
    Member {
        /// The number of shards that it holds. Their gates are open, are about to open, or have closed while admitted
        /// requests finish.
        owned: usize,
    },
    /// It is shutting down, and waits for the admitted requests.
    Leaving,
    /// It has left.
    Stopped,
}

impl fmt::Display for ShardsStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joining => f.write_str("joining"),
            Self::Member { owned } => write!(f, "holding {owned} shards"),
            Self::Leaving => f.write_str("leaving"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

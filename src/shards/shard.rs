use std::{fmt, ops::Deref};

use crate::{names::ShardId, task::Term};

/// A shard that this node leads, or has led: a [`Term`] with the number of a shard. Clones are the same term.
///
/// All methods of [`Term`] are those of the shard's own term: its token, its end, and the signals to finish and to stop.
///
/// Two are equal if they are the same term of the same shard.
///
/// ```
/// use noleader::Shard;
///
/// /// Work for [`Shards::run_each`](noleader::Shards::run_each).
/// async fn work(shard: Shard) -> Result<(), std::io::Error> {
///     println!("leading shard {} with the fencing token {}", shard.index(), shard.token());
///     shard.closing().cancelled().await;
///     Ok(())
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Shard {
    id: ShardId,
    term: Term,
}

impl Shard {
    pub(crate) fn new(id: ShardId, term: Term) -> Self {
        Self { id, term }
    }

    /// The shard, to pass to the methods of [`Shards`](crate::Shards).
    #[must_use]
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// The number of the shard, from 0.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.id.index()
    }

    /// The term, for code that takes a [`Term`] and need not know of shards.
    #[must_use]
    pub fn term(&self) -> &Term {
        &self.term
    }
}

impl Deref for Shard {
    type Target = Term;

    fn deref(&self) -> &Term {
        &self.term
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("index", &self.index())
            .field("term", &self.term)
            .finish()
    }
}

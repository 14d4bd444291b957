use std::{fmt, ops::Deref};

use crate::{names::ShardId, task::Term};

/// A shard that this node leads, or has led: a [`Term`] with the number of a shard. Clones are the same term.
///
/// All methods of [`Term`] are those of the shard's own term: its token, its end, and the signals to finish and to stop.
#[derive(Clone, PartialEq, Eq)]
pub struct Shard {
    id: ShardId,
    term: Term,
}

impl Shard {
    pub(crate) fn new(id: ShardId, term: Term) -> Self {
        Self { id, term }
    }

    /// The shard.
    #[must_use]
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// The number of the shard, from 0.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.id.index()
    }

    /// The term.
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

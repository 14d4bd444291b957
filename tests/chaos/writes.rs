//! What the clients and the storage know of each write.

/// A write that a client saw accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) id: u64,
    pub(crate) shard: u32,
    pub(crate) token: u64,
}

/// A write that the storage accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) write: Write,
    /// Who sent it.
    pub(crate) candidate: usize,
    pub(crate) at: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Writes {
    pub(crate) accepted: Vec<Write>,
    pub(crate) stored: Vec<Stored>,
}

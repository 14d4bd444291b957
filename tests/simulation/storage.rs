//! The storage of admitted requests. It rejects a token smaller than an earlier one.

use std::collections::HashMap;

use crate::world::World;

/// A write that the storage took, or is about to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredBy {
    pub(crate) token: u64,
    /// The process whose request it is.
    pub(crate) node: usize,
    pub(crate) session: u64,
}

impl World {
    pub(crate) fn store(&mut self, by: StoredBy) {
        match self.storage.write(by.token.into()) {
            Ok(writes) => writes.push(by),
            Err(_) => self.refused += 1,
        }
    }

    /// The first write under a token that another process has written under before.
    pub(crate) fn second_writer(&self) -> Option<StoredBy> {
        let mut writers = HashMap::new();
        let writes = self.storage.read().iter();
        writes.copied().find(|by| {
            let writer = (by.node, by.session);
            *writers.entry(by.token).or_insert(writer) != writer
        })
    }
}

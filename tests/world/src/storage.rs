//! The storage of admitted requests. It rejects a token smaller than an earlier one.

use std::collections::HashMap;

use crate::world::World;

/// A write to the storage, which may reject it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBy {
    pub token: u64,
    /// The process whose request it is.
    pub node: usize,
    pub session: u64,
}

impl World {
    pub(crate) fn store(&mut self, by: StoredBy) {
        match self.storage.write(by.token.into()) {
            Ok(writes) => writes.push(by),
            Err(_) => self.refused += 1,
        }
    }
}

/// The first write under a token that another process has written under before.
#[must_use]
pub fn second_writer(stored: &[StoredBy]) -> Option<StoredBy> {
    let mut writers = HashMap::new();
    stored.iter().copied().find(|by| {
        let writer = (by.node, by.session);
        *writers.entry(by.token).or_insert(writer) != writer
    })
}

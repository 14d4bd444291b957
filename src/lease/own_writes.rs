//! The ids of this process's writes.

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many writes are remembered. A candidate has one write in progress, and reads the key after each write whose
/// outcome is unknown. A forgotten write can therefore be applied only if it was delayed by many leases.
const MOST: usize = 32;

/// The random id of a write.
///
/// A copy of a process's image has the same nonce, and would repeat any number that follows from its memory. The ids of
/// its writes come from the operating system, and differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WriteId(u128);

impl WriteId {
    /// An id of 128 random bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl Serialize for WriteId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

/// Reads an id, or none if it is invalid: no process then recognizes the record as its own.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<WriteId>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let bits = text.and_then(|text| u128::from_str_radix(&text, 16).ok());
    Ok(bits.map(WriteId))
}

/// The ids of the last writes that this process sent and that were not refused.
#[cfg_attr(test, derive(Clone))]
#[derive(Debug, Default)]
pub(crate) struct OwnWrites(VecDeque<WriteId>);

impl OwnWrites {
    pub(crate) fn sent(&mut self, id: WriteId) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(id);
    }

    pub(crate) fn refused(&mut self, id: WriteId) {
        if let Some(index) = self.0.iter().rposition(|sent| *sent == id) {
            self.0.remove(index);
        }
    }

    pub(crate) fn contain(&self, id: Option<WriteId>) -> bool {
        id.is_some_and(|id| self.0.contains(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_and_old_writes_are_forgotten() {
        let mut writes = OwnWrites::default();
        let id = |n: usize| WriteId::from_bits(n as u128);
        for n in 0..=MOST {
            writes.sent(id(n));
        }
        assert!(!writes.contain(Some(id(0))) && writes.contain(Some(id(1))));
        writes.refused(id(1));
        writes.refused(id(0));
        let kept: Vec<_> = (0..=MOST)
            .filter(|n| writes.contain(Some(id(*n))))
            .collect();
        assert_eq!(kept, Vec::from_iter(2..=MOST));
        assert!(!writes.contain(None));
    }
}

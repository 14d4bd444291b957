use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// What a store has logged already. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notices(Arc<Mutex<HashSet<String>>>);

impl Notices {
    /// Whether this is the first time that `what` is noticed.
    pub(crate) fn is_new(&self, what: impl Into<String>) -> bool {
        let mut noticed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noticed.insert(what.into())
    }
}

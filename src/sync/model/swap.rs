use std::{mem, sync::Arc};

use super::cell::Cell;

/// A model of `arc_swap::ArcSwapOption`.
#[derive(Debug)]
pub(crate) struct ArcSwapOption<T>(Cell<Option<Arc<T>>>);

impl<T> ArcSwapOption<T> {
    pub(crate) fn empty() -> Self {
        Self(Cell::new(None))
    }

    pub(crate) fn load_full(&self) -> Option<Arc<T>> {
        self.0.read(Clone::clone)
    }

    /// The real method returns a guard, which keeps the value alive too.
    pub(crate) fn load(&self) -> Option<Arc<T>> {
        self.load_full()
    }

    pub(crate) fn store(&self, new: Option<Arc<T>>) {
        drop(self.swap(new));
    }

    pub(crate) fn swap(&self, new: Option<Arc<T>>) -> Option<Arc<T>> {
        self.0.change(|value| mem::replace(value, new))
    }
}

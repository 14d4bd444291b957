use std::{future::Future, sync::Arc, time::Duration};

use super::{
    error::{StoreError, WriteError},
    watch::Watch,
};
use crate::{lease::Observation, names::ElectionName};

/// A request to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// [`LeaseStore::read`].
    Read,
    /// [`LeaseStore::write`].
    Write,
}

/// One key with a compare-and-set on its revision.
///
/// The promise that no two gates are open at once rests on [`write`](Self::write): writes of the key are
/// applied one at a time, each only if the key's last revision is the expected one, each at a revision
/// larger than all before, and one that was acknowledged is not lost. Reads and watches may be stale.
///
/// Every future may be dropped at any time; a write whose future was dropped has an unknown outcome.
pub trait LeaseStore: Send + Sync + 'static {
    /// The name of the election whose lease this key holds, for log lines and metrics.
    fn name(&self) -> ElectionName;

    /// Checks that the store can keep a lease of this length, and creates what is missing. Called once,
    /// before the candidate starts.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] that names what has to be changed.
    fn prepare(&self, lease: Duration) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads the key.
    ///
    /// # Errors
    ///
    /// Any [`StoreError`]; the candidate tries again, for ever.
    fn read(&self) -> impl Future<Output = Result<Observation, StoreError>> + Send;

    /// Writes the key if its last revision is `expected` (0: the key has never been written, or has been
    /// removed without a trace), and returns the new revision.
    ///
    /// # Errors
    ///
    /// [`WriteError`], which keeps apart what was refused, what failed, and what may have been applied.
    /// When in doubt it is [`WriteError::Unknown`].
    fn write(
        &self,
        expected: u64,
        value: Vec<u8>,
    ) -> impl Future<Output = Result<u64, WriteError>> + Send;

    /// Watches the key, beginning with its present content if it has one, and reads the bucket's epoch once the watch
    /// is open. It opens or fails in bounded time: until then no other watch is tried.
    ///
    /// # Errors
    ///
    /// Any [`StoreError`]; the candidate tries again, for ever, and reads the key meanwhile.
    fn watch(&self) -> impl Future<Output = Result<Watch, StoreError>> + Send;

    /// What the log says of a request whose future was dropped, as no answer had come after `waited`. By
    /// default no more than that.
    fn unanswered(&self, request: Request, waited: Duration) -> StoreError {
        let request = match request {
            Request::Read => "read",
            Request::Write => "write",
        };
        StoreError::Request(format!("no answer to a {request} within {waited:?}").into())
    }
}

/// A store that several candidates share.
impl<S: LeaseStore> LeaseStore for Arc<S> {
    fn name(&self) -> ElectionName {
        S::name(self)
    }

    fn prepare(&self, lease: Duration) -> impl Future<Output = Result<(), StoreError>> + Send {
        S::prepare(self, lease)
    }

    fn read(&self) -> impl Future<Output = Result<Observation, StoreError>> + Send {
        S::read(self)
    }

    fn write(
        &self,
        expected: u64,
        value: Vec<u8>,
    ) -> impl Future<Output = Result<u64, WriteError>> + Send {
        S::write(self, expected, value)
    }

    fn watch(&self) -> impl Future<Output = Result<Watch, StoreError>> + Send {
        S::watch(self)
    }

    fn unanswered(&self, request: Request, waited: Duration) -> StoreError {
        S::unanswered(self, request, waited)
    }
}

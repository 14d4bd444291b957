//! Where the lease is kept.
//!
//! [`JetStream`] keeps it in a NATS KeyValue bucket; `Memory` (feature `test-util`) in the process, for
//! tests. Any other register with a compare-and-set and revisions that only grow will do: implement
//! [`LeaseStore`] and hand it to [`Builder::start_with`](crate::Builder::start_with).

mod error;
mod jetstream;
#[cfg(feature = "test-util")]
mod memory;

use std::{future::Future, pin::Pin, time::Duration};

use futures_core::Stream;

#[cfg(feature = "test-util")]
pub use self::memory::Memory;
pub use self::{
    error::{StoreError, WriteError},
    jetstream::{JetStream, Storage},
};
pub use crate::lease::Observation;

/// A request to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// [`LeaseStore::read`].
    Read,
    /// [`LeaseStore::write`].
    Write,
}

/// What a watch yields: each change of the key, or an error, after which it may go on or end.
pub type Watch = Pin<Box<dyn Stream<Item = Result<Observation, StoreError>> + Send>>;

/// One key with a compare-and-set on its revision.
///
/// The promise that no two gates are open at once rests on [`write`](Self::write): writes of the key are
/// applied one at a time, each only if the key's last revision is the expected one, each at a revision
/// larger than all before, and one that was acknowledged is not lost. Reads and watches may be stale.
///
/// Every future may be dropped at any time; a write whose future was dropped has an unknown outcome.
pub trait LeaseStore: Send + Sync + 'static {
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

    /// Watches the key, beginning with its present content if it has one. It opens or fails in bounded time:
    /// until then no other one is tried.
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

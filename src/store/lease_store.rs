use std::{future::Future, sync::Arc, time::Duration};

use super::{
    error::{StoreError, WriteError},
    watch::Watch,
};
use crate::{lease::Observation, names::ElectionName};

/// A kind of request to a [`LeaseStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// [`LeaseStore::read`].
    Read,
    /// [`LeaseStore::write`].
    Write,
}

/// A key with a compare-and-set on its revision.
///
/// The guarantee that at most one gate is open rests on [`write`](Self::write):
///
/// - Writes of the key are applied one at a time.
/// - A write is applied only if the key's last revision is the expected revision.
/// - Each write has a larger revision than all earlier writes.
/// - An acknowledged write is not lost.
///
/// Reads and watches may be stale.
///
/// # Cancel safety
///
/// Every future may be dropped at any time. A write whose future was dropped has an unknown outcome.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lease store",
    note = "a builder from `LeaderHandle::builder` has no client before it is started; where a store is needed, use \
            `LeaderHandle::with_store(JetStream::new(client, bucket, key))`"
)]
pub trait LeaseStore: Send + Sync + 'static {
    /// The name of the election, in log events, in metrics, and in the header `noleader-forwarded` between the nodes.
    ///
    /// Two elections whose gates a request may pass one after the other need different names.
    fn name(&self) -> ElectionName;

    /// Checks that the store can keep a lease of this length, and creates what is missing.
    ///
    /// It is called before the candidate acts, and again until it succeeds once.
    ///
    /// # Errors
    ///
    /// A [`StoreError`]. If it [is transient](StoreError::is_transient), the candidate starts and retries in the
    /// background. Otherwise the error says what to change.
    fn prepare(&self, lease: Duration) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Checks the store for an observer. It is called in place of [`prepare`](Self::prepare), and must create nothing.
    ///
    /// Default: the same as `prepare`, for a store that creates nothing.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] that says what to change. A store that does not exist yet is no error: the observer then reads
    /// an absent key until a candidate has created the store.
    fn prepare_observer(
        &self,
        lease: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.prepare(lease)
    }

    /// Reads the key.
    ///
    /// # Errors
    ///
    /// Any [`StoreError`]. The candidate retries without limit, except after [`StoreError::Closed`].
    fn read(&self) -> impl Future<Output = Result<Observation, StoreError>> + Send;

    /// Writes the key if its last revision is `expected`, and returns the new revision.
    ///
    /// An `expected` of 0 means that the store has no message for the key: it was never written, or was removed
    /// without a marker.
    ///
    /// # Errors
    ///
    /// - [`WriteError::Conflict`] if the key's last revision is not `expected`.
    /// - [`WriteError::Failed`] if the write was not and will not be applied.
    /// - [`WriteError::Unknown`] in every other case.
    fn write(
        &self,
        expected: u64,
        value: Vec<u8>,
    ) -> impl Future<Output = Result<u64, WriteError>> + Send;

    /// Watches the key, starting with its current content if it has one, and reads the bucket's epoch once the watch
    /// is open.
    ///
    /// It must open or fail in bounded time: the candidate tries no other watch before that.
    ///
    /// # Errors
    ///
    /// Any [`StoreError`]. The candidate polls the key, and retries without limit.
    fn watch(&self) -> impl Future<Output = Result<Watch, StoreError>> + Send;

    /// The error to log for a request whose future was dropped because no response came within `waited`.
    fn unanswered(&self, request: Request, waited: Duration) -> StoreError {
        let request = match request {
            Request::Read => "read",
            Request::Write => "write",
        };
        StoreError::Request(format!("no response to a {request} within {waited:?}").into())
    }
}

/// Several candidates can share a store.
impl<S: LeaseStore> LeaseStore for Arc<S> {
    fn name(&self) -> ElectionName {
        S::name(self)
    }

    fn prepare(&self, lease: Duration) -> impl Future<Output = Result<(), StoreError>> + Send {
        S::prepare(self, lease)
    }

    fn prepare_observer(
        &self,
        lease: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        S::prepare_observer(self, lease)
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

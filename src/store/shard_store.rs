use std::{future::Future, sync::Arc, time::Duration};

use super::{
    bucket_watch::BucketWatch,
    error::{StoreError, WriteError},
    lease_store::Request,
};
use crate::{lease::Observation, names::ElectionName};

/// A bucket of keys with a compare-and-set on the revision of each key.
///
/// The guarantee that at most one gate of a shard is open rests on [`write`](Self::write) and [`watch`](Self::watch):
///
/// - Writes are applied one at a time, of all keys.
/// - A write is applied only if the key's last revision is the expected revision.
/// - Each write, of any key, has a larger revision than all earlier writes. A deletion that leaves a marker is a write.
/// - An acknowledged write is not lost. The store removes no record by itself, except as
///   [`write`](Self::write) allows it.
/// - A watch delivers the records in the order of their revisions. It leaves out only a record that another one has
///   replaced, or that was removed without a marker. If the watch lost any other record, `index` shows the gap, or the
///   watch ends with an error.
///
/// Reads may be stale, and a watch may be late.
///
/// Keys are parts of ASCII letters, digits, `-` and `_`, separated by single dots.
///
/// # Cancel safety
///
/// Every future may be dropped at any time. A write whose future was dropped has an unknown outcome.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use noleader::store::{MemoryShards, ShardStore, WriteError};
///
/// let store = MemoryShards::new();
/// let revision = store.write("o.17", 0, b"a".to_vec(), None).await?;
/// let refused = store.write("o.17", 0, b"b".to_vec(), None).await;
/// assert!(matches!(refused, Err(WriteError::Conflict)));
/// assert_eq!(store.read("o.17").await?.revision(), revision);
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store for shards",
    note = "use `JetStreamShards::new(client, bucket)`, or `MemoryShards` for a single process"
)]
pub trait ShardStore: Send + Sync + 'static {
    /// The name of the bucket, in log events, in metrics, and in the header `noleader-forwarded` between the nodes.
    ///
    /// The second part of the name is the same for all buckets, such as `shards`.
    fn name(&self) -> ElectionName;

    /// Checks that the store can keep sessions with a lease of this length, and creates what is missing.
    ///
    /// It is called before the node acts, and again until it succeeds once.
    ///
    /// # Errors
    ///
    /// A [`StoreError`]. If it [is transient](StoreError::is_transient), the node starts and retries in the background.
    /// Otherwise the error says what to change.
    fn prepare(&self, lease: Duration) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a key.
    ///
    /// # Errors
    ///
    /// Any [`StoreError`]. The node retries without limit, except after [`StoreError::Closed`].
    fn read(&self, key: &str) -> impl Future<Output = Result<Observation, StoreError>> + Send;

    /// Writes a key if its last revision is `expected`, and returns the new revision.
    ///
    /// An `expected` of 0 means that the store has no message for the key: it was never written, or was removed without
    /// a marker. The store may remove the record once it has been the key's record for `removed_after`. A store that
    /// cannot remove it keeps it.
    ///
    /// # Errors
    ///
    /// - [`WriteError::Conflict`] if the key's last revision is not `expected`.
    /// - [`WriteError::Failed`] if the write was not and will not be applied. The node reads the key before it writes
    ///   again, because the store may demand that after it has lost its connection.
    /// - [`WriteError::Unknown`] in every other case.
    fn write(
        &self,
        key: &str,
        expected: u64,
        value: Vec<u8>,
        removed_after: Option<Duration>,
    ) -> impl Future<Output = Result<u64, WriteError>> + Send;

    /// Watches all keys: the current record of each key whose revision is greater than `after`, then every later record.
    ///
    /// An `after` of 0 begins with the records of all keys. Several watches may be open at the same time.
    ///
    /// It must open or fail in bounded time.
    ///
    /// # Errors
    ///
    /// Any [`StoreError`]. The node retries without limit.
    fn watch(&self, after: u64) -> impl Future<Output = Result<BucketWatch, StoreError>> + Send;

    /// The error to log for a request whose future was dropped because no response came within `waited`.
    fn unanswered(&self, request: Request, key: &str, waited: Duration) -> StoreError {
        let request = match request {
            Request::Read => "read",
            Request::Write => "write",
        };
        let text = format!("no response to a {request} of `{key}` within {waited:?}");
        StoreError::Request(text.into())
    }
}

/// Several nodes can share a store.
impl<S: ShardStore> ShardStore for Arc<S> {
    fn name(&self) -> ElectionName {
        S::name(self)
    }

    fn prepare(&self, lease: Duration) -> impl Future<Output = Result<(), StoreError>> + Send {
        S::prepare(self, lease)
    }

    fn read(&self, key: &str) -> impl Future<Output = Result<Observation, StoreError>> + Send {
        S::read(self, key)
    }

    fn write(
        &self,
        key: &str,
        expected: u64,
        value: Vec<u8>,
        removed_after: Option<Duration>,
    ) -> impl Future<Output = Result<u64, WriteError>> + Send {
        S::write(self, key, expected, value, removed_after)
    }

    fn watch(&self, after: u64) -> impl Future<Output = Result<BucketWatch, StoreError>> + Send {
        S::watch(self, after)
    }

    fn unanswered(&self, request: Request, key: &str, waited: Duration) -> StoreError {
        S::unanswered(self, request, key, waited)
    }
}

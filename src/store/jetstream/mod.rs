//! The store on NATS JetStream: the only place, beside the builder, that names async-nats types.

mod bucket;
mod error;
mod watch;

use std::{sync::OnceLock, time::Duration};

use async_nats::{
    Client, HeaderMap, Request,
    connection::State,
    header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
    jetstream::{self, publish::PublishAck, response::Response, stream::LastRawMessageErrorKind},
};

use self::bucket::Bucket;
pub use self::bucket::Storage;
use super::{LeaseStore, Observation, StoreError, Watch, WriteError};

/// How long the requests at the start wait for an answer.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// A key in a NATS JetStream KeyValue bucket.
///
/// [`Builder::start`](crate::Builder::start) makes one; make it yourself if the election shall use a
/// JetStream domain or a prefix of its own:
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use noleader::{LeaderHandle, store::JetStream};
///
/// let client = async_nats::connect("localhost:4222").await?;
/// let context = async_nats::jetstream::with_domain(client, "hub");
/// let store = JetStream::new(context, "orders", "writer").replicas(3);
/// let leader = LeaderHandle::builder("orders", "writer").start_with(store).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct JetStream {
    context: jetstream::Context,
    client: Client,
    bucket: Bucket,
    /// The subject that the key is written to and read from.
    subject: String,
    /// The lease that a bucket which is made again has to keep.
    lease: OnceLock<Duration>,
}

impl JetStream {
    /// The key `key` in the bucket `bucket`.
    #[must_use]
    pub fn new(
        context: jetstream::Context,
        bucket: impl Into<String>,
        key: impl Into<String>,
    ) -> Self {
        let (bucket, key) = (bucket.into(), key.into());
        let mut context = context;
        context.set_timeout(START_TIMEOUT);
        Self {
            client: context.client(),
            context,
            subject: format!("$KV.{bucket}.{key}"),
            bucket: Bucket::new(bucket),
            lease: OnceLock::new(),
        }
    }

    /// Whether the bucket may be created where it does not exist, at the start and if it vanishes later.
    /// Default: yes.
    #[must_use]
    pub fn create_bucket(mut self, create: bool) -> Self {
        self.bucket.create = create;
        self
    }

    /// How many replicas a bucket that is created here has. Default: 1.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.bucket.replicas = Some(replicas);
        self
    }

    /// Where a bucket that is created here keeps its data. Default: in files.
    #[must_use]
    pub fn storage(mut self, storage: impl Into<Storage>) -> Self {
        self.bucket.storage = Some(storage.into());
        self
    }

    fn connected(&self) -> Result<(), StoreError> {
        // While disconnected, async-nats queues what is published and sends it much later.
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(StoreError::Disconnected),
        }
    }

    fn server_version(&self) -> Result<(), StoreError> {
        let found = self.client.server_info().version;
        let mut parts = found.split('.').map(|part| part.parse::<u32>().ok());
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(major), Some(minor)) if (major, minor) < (2, 10) => {
                Err(StoreError::ServerTooOld { found })
            }
            _ => Ok(()),
        }
    }
}

impl LeaseStore for JetStream {
    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        self.connected()?;
        self.server_version()?;
        let _ = self.lease.set(lease);
        self.bucket.check_or_create(&self.context, lease).await
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        self.connected()?;
        let stream = self
            .context
            .get_stream_no_info(self.bucket.stream())
            .await
            .map_err(|error| StoreError::Request(error.into()))?;
        // Asks the stream's leader, unlike a direct get, which any replica answers.
        let error = match stream.get_last_raw_message_by_subject(&self.subject).await {
            Ok(message) => {
                return Ok(watch::observation(
                    message.sequence,
                    &message.headers,
                    &message.payload,
                ));
            }
            Err(error) => error,
        };
        match error.kind() {
            LastRawMessageErrorKind::NoMessageFound => {}
            LastRawMessageErrorKind::JetStream(ref error) if error::is_stream_missing(error) => {
                // The bucket is gone. Whoever makes it again waits as for any absent key.
                tracing::error!(bucket = self.bucket.name(), "the bucket has vanished");
                let lease = self.lease.get().copied().unwrap_or_default();
                self.bucket.check_or_create(&self.context, lease).await?;
            }
            _ => {
                let subject = format!("$JS.API.STREAM.MSG.GET.{}", self.bucket.stream());
                return Err(error::of_request(error, &subject, START_TIMEOUT));
            }
        }
        Ok(Observation {
            revision: 0,
            value: None,
        })
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        self.connected().map_err(WriteError::Failed)?;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        // A request of our own rather than `kv::Store::update`, which knows only one of the two codes
        // that mean a conflict.
        let request = Request::new().headers(headers).payload(value.into());
        let answer = self
            .client
            .send_request(self.subject.clone(), request)
            .await
            .map_err(|error| error::of_write(error, &self.subject))?;
        match serde_json::from_slice(&answer.payload) {
            Ok(Response::Ok(PublishAck { sequence, .. })) => Ok(sequence),
            Ok(Response::Err { error }) => Err(error::of_refused_write(error)),
            Err(error) => Err(WriteError::Unknown(StoreError::Request(error.into()))),
        }
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.connected()?;
        watch::open(&self.context, &self.bucket.stream(), &self.subject).await
    }
}

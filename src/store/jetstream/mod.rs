//! The store on NATS JetStream: the only place, beside the builder, that names async-nats types.

mod bucket;
mod error;
mod watch;

use std::{sync::OnceLock, time::Duration};

use async_nats::{
    Client, HeaderMap,
    connection::State,
    header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
    jetstream::{self, publish::PublishAck, response::Response, stream::LastRawMessageErrorKind},
};

use self::bucket::Bucket;
pub use self::bucket::Storage;
use super::{LeaseStore, Observation, Request, StoreError, Watch, WriteError};
use crate::config::{check_bucket, check_key};

/// How long a request waits for an answer, if its future is not dropped before.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A key in a NATS JetStream KeyValue bucket.
///
/// [`Builder::start`](crate::Builder::start) makes one; make it yourself if the bucket is in another
/// JetStream domain:
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use noleader::{LeaderHandle, store::JetStream};
///
/// let client = async_nats::connect("localhost:4222").await?;
/// let store = JetStream::new(client, "orders", "writer").domain("hub").replicas(3);
/// let leader = LeaderHandle::builder("orders", "writer").start_with(store).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct JetStream {
    context: jetstream::Context,
    client: Client,
    bucket: Bucket,
    key: String,
    /// Where the JetStream API is, if not at its default: in another domain or account.
    api_prefix: Option<String>,
    /// The lease that a bucket which is made again has to keep.
    lease: OnceLock<Duration>,
}

impl JetStream {
    /// The key `key` in the bucket `bucket`.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            context: context(jetstream::new(client.clone())),
            client,
            bucket: Bucket::new(bucket.into()),
            key: key.into(),
            api_prefix: None,
            lease: OnceLock::new(),
        }
    }

    /// The JetStream domain that the bucket is in, such as that of a hub beyond a leaf node. Default: the
    /// client's own.
    #[must_use]
    pub fn domain(self, domain: &str) -> Self {
        self.api_prefix(format!("$JS.{domain}.API"))
    }

    /// The prefix of the JetStream API that the bucket is reached by, such as one imported from another
    /// account. Default: `$JS.API`.
    #[must_use]
    pub fn api_prefix(mut self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.context = context(jetstream::with_prefix(self.client.clone(), &prefix));
        self.api_prefix = Some(prefix);
        self
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

    /// The subject of the key in its stream.
    fn subject(&self) -> String {
        format!("$KV.{}.{}", self.bucket.name(), self.key)
    }

    /// The subject that the key is written to.
    fn write_subject(&self) -> String {
        match &self.api_prefix {
            None => self.subject(),
            // As other clients do it: the API's prefix leads to the stream's server.
            Some(prefix) => format!("{prefix}.{}", self.subject()),
        }
    }

    fn api(&self) -> &str {
        self.api_prefix.as_deref().unwrap_or("$JS.API")
    }

    /// The subject that a request goes to.
    fn asked(&self, request: Request) -> String {
        match request {
            Request::Read => format!("{}.STREAM.MSG.GET.{}", self.api(), self.bucket.stream()),
            Request::Write => self.write_subject(),
        }
    }

    fn connected(&self) -> Result<(), StoreError> {
        // While disconnected, async-nats queues what is published and sends it much later.
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(StoreError::Disconnected),
        }
    }

    /// The revision in an acknowledgement, if it is one of this bucket's stream.
    fn acknowledged(&self, ack: PublishAck) -> Result<u64, WriteError> {
        if ack.stream == self.bucket.stream() {
            return Ok(ack.sequence);
        }
        let strange = format!("the write was acknowledged by the stream `{}`", ack.stream);
        Err(WriteError::Unknown(StoreError::Request(strange.into())))
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

fn context(mut context: jetstream::Context) -> jetstream::Context {
    context.set_timeout(TIMEOUT);
    context
}

impl LeaseStore for JetStream {
    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        check_bucket(self.bucket.name()).map_err(|error| StoreError::Request(error.into()))?;
        check_key(&self.key).map_err(|error| StoreError::Request(error.into()))?;
        self.connected()?;
        self.server_version()?;
        let _ = self.lease.set(lease);
        self.bucket
            .check_or_create(&self.context, lease, self.api())
            .await
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        self.connected()?;
        let stream = self
            .context
            .get_stream_no_info(self.bucket.stream())
            .await
            .map_err(|error| StoreError::Request(error.into()))?;
        // Asks the stream's leader, unlike a direct get, which any replica answers.
        let error = match stream
            .get_last_raw_message_by_subject(&self.subject())
            .await
        {
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
                let lease = self.lease.get().copied().unwrap_or_default();
                self.bucket
                    .check_or_create(&self.context, lease, self.api())
                    .await?;
            }
            _ => {
                return Err(error::of_request(error, &self.asked(Request::Read)));
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
        let subject = self.asked(Request::Write);
        let request = async_nats::Request::new()
            .headers(headers)
            .payload(value.into())
            .timeout(Some(TIMEOUT));
        let answer = self
            .client
            .send_request(subject.clone(), request)
            .await
            .map_err(|error| error::of_write(error, &subject))?;
        match serde_json::from_slice(&answer.payload) {
            Ok(Response::Ok(ack)) => self.acknowledged(ack),
            Ok(Response::Err { error }) => Err(error::of_refused_write(error)),
            Err(error) => Err(WriteError::Unknown(StoreError::Request(error.into()))),
        }
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.connected()?;
        let stream = self.bucket.stream();
        watch::open(&self.context, self.api(), &stream, self.subject()).await
    }

    fn unanswered(&self, request: Request, waited: Duration) -> StoreError {
        StoreError::NoAnswer {
            subject: self.asked(request),
            waited,
        }
    }
}

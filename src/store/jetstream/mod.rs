//! The store on NATS JetStream.

mod api;
mod bucket;
mod bucket_name;
mod error;
mod fitness;
mod key_name;
mod notices;
mod requests;
mod server_version;
mod settings;
mod storage;
mod stream_info;
mod watch;

use std::{sync::OnceLock, time::Duration};

use async_nats::{
    Client, HeaderMap,
    header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
    jetstream::{
        ErrorCode, message::StreamMessage, publish::PublishAck, response::Response,
        stream::RawMessage,
    },
};
use serde::Deserialize;
use serde_json::json;

use self::{
    api::Api, notices::Notices, requests::Requests, server_version::ServerVersion, settings::Place,
};
pub use self::{settings::BucketSettings, storage::Storage};
use super::{
    error::{StoreError, WriteError},
    lease_store::{LeaseStore, Request},
    watch::Watch,
};
use crate::{
    error::{ConfigError, survive},
    lease::Observation,
    names::ElectionName,
};

/// A key in a NATS JetStream KeyValue bucket.
///
/// [`LeaderHandle::builder`](crate::LeaderHandle::builder) creates one for you. Create it yourself if the bucket is in
/// another JetStream domain, or to configure a [`Leader`](crate::Leader):
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use noleader::{LeaderHandle, store::JetStream};
///
/// let client = async_nats::connect("localhost:4222").await?;
/// let store = JetStream::new(client, "orders", "writer").domain("hub").replicas(3);
/// let leader = LeaderHandle::with_store(store).id("node-7").start().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a store does nothing until a candidate uses it"]
pub struct JetStream {
    requests: Requests,
    settings: BucketSettings,
    /// Parsed from the settings at the first use.
    place: OnceLock<Place>,
    api: Option<Api>,
    /// The lease of the candidate, which may recreate the bucket. An observer sets none.
    lease: OnceLock<Duration>,
    notices: Notices,
}

impl JetStream {
    /// Creates a store on the key `key` of the bucket `bucket`.
    ///
    /// The names are checked when a candidate starts.
    pub fn new(client: Client, bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self::with_settings(client, BucketSettings::new(bucket, key))
    }

    pub(crate) fn with_settings(client: Client, settings: BucketSettings) -> Self {
        Self {
            requests: Requests::new(client, None),
            settings,
            place: OnceLock::new(),
            api: None,
            lease: OnceLock::new(),
            notices: Notices::default(),
        }
    }

    /// Sets the JetStream domain of the bucket, such as that of a hub that is reached through a leaf node.
    ///
    /// Default: the client's own domain.
    pub fn domain(self, domain: &str) -> Self {
        self.reached_by(Api::of_domain(domain))
    }

    /// Sets the prefix of the JetStream API, for example of an API that is imported from another account.
    ///
    /// Default: `$JS.API`.
    pub fn api_prefix(self, prefix: impl Into<String>) -> Self {
        self.reached_by(Api::with_prefix(prefix.into()))
    }

    fn reached_by(mut self, api: Api) -> Self {
        // The default one does not lead to the stream's subjects.
        self.api = Some(api).filter(|api| api.prefix() != Api::DEFAULT_PREFIX);
        self.requests = Requests::new(self.requests.client().clone(), self.api.as_ref());
        self.place = OnceLock::new();
        self
    }

    /// Sets whether to create the bucket if it does not exist, at the start and if it vanishes later.
    ///
    /// Default: `true`.
    pub fn create_bucket(self, create: bool) -> Self {
        self.with(|settings| settings.create_bucket(create))
    }

    /// Sets the number of replicas, from 1 to 5, if this candidate creates the bucket.
    ///
    /// Default: 1. If the bucket exists with another number of replicas, the candidate uses it and logs a warning.
    pub fn replicas(self, replicas: usize) -> Self {
        self.with(|settings| settings.replicas(replicas))
    }

    /// Sets where the bucket keeps its data, if this candidate creates it.
    ///
    /// Default: [`Storage::File`]. If the bucket exists with another storage, the candidate uses it and logs a warning.
    pub fn storage(self, storage: Storage) -> Self {
        self.with(|settings| settings.storage(storage))
    }

    fn with(mut self, change: impl FnOnce(BucketSettings) -> BucketSettings) -> Self {
        self.settings = change(self.settings);
        self.place = OnceLock::new();
        self
    }

    fn place(&self) -> Result<&Place, ConfigError> {
        if let Some(place) = self.place.get() {
            return Ok(place);
        }
        let place = self.settings.parse()?;
        self.api.as_ref().map_or(Ok(()), Api::check)?;
        Ok(self.place.get_or_init(|| place))
    }

    /// The subject of a request.
    fn request_subject(&self, request: Request, place: &Place) -> String {
        match request {
            Request::Read => self.requests.subject(&read_call(place)),
            Request::Write => match &self.api {
                None => place.subject(),
                // As other clients do: the prefix of the API routes the write to the stream's server.
                Some(api) => format!("{}.{}", api.prefix(), place.subject()),
            },
        }
    }

    fn check_server(&self) -> Result<(), StoreError> {
        let version = self.requests.client().server_info().version;
        if !ServerVersion::check(&version)? && self.notices.is_new("version") {
            survive(|| tracing::warn!(version, "could not parse the version of nats-server"));
        }
        Ok(())
    }

    async fn check_or_create(&self, place: &Place, lease: Duration) -> Result<(), StoreError> {
        let needs = place.needs(lease);
        place.bucket.check_or_create(&self.requests, &needs).await
    }
}

/// The revision in an acknowledgement, if this bucket's stream sent it.
fn acknowledged(ack: PublishAck, place: &Place) -> Result<u64, WriteError> {
    if ack.stream == place.bucket.stream() {
        return Ok(ack.sequence);
    }
    let unexpected = format!("another stream, `{}`, acknowledged the write", ack.stream);
    Err(WriteError::Unknown(StoreError::Request(unexpected.into())))
}

fn read_call(place: &Place) -> String {
    format!("STREAM.MSG.GET.{}", place.bucket.stream())
}

/// The response to a read.
#[derive(Deserialize)]
struct Found {
    message: RawMessage,
}

impl LeaseStore for JetStream {
    fn name(&self) -> ElectionName {
        self.settings.name()
    }

    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        let place = self.place()?;
        self.requests.connected()?;
        self.check_server()?;
        let _ = self.lease.set(lease);
        self.check_or_create(place, lease).await
    }

    async fn prepare_observer(&self, lease: Duration) -> Result<(), StoreError> {
        let place = self.place()?;
        self.requests.connected()?;
        self.check_server()?;
        let (bucket, needs) = (&place.bucket, place.needs(lease));
        if !bucket.check(&self.requests, &needs).await? {
            bucket.await_creation();
        }
        Ok(())
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        let place = self.place()?;
        // The stream's leader answers this request. Any replica, possibly a stale one, answers a direct get.
        let body = json!({ "last_by_subj": place.subject() });
        let connection = self.requests.connection();
        let seen = match self
            .requests
            .call::<Found>(&read_call(place), &body)
            .await?
        {
            Response::Ok(found) => {
                let message =
                    StreamMessage::try_from(found.message).map_err(StoreError::Request)?;
                watch::observation(message.sequence, &message.headers, &message.payload)
            }
            Response::Err { error } if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => {
                Observation::absent()
            }
            Response::Err { error } if error::is_stream_missing(&error) => {
                // A recreated bucket is no shortcut: the key is absent in it, and candidates wait as for any absent
                // key.
                match self.lease.get() {
                    Some(&lease) => self.check_or_create(place, lease).await?,
                    None => place.bucket.await_creation(),
                }
                Observation::absent()
            }
            Response::Err { error } => {
                return Err(error::of_call(error, self.requests.expects_jetstream()));
            }
        };
        self.requests.note_read(connection);
        Ok(seen)
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        let place = self
            .place()
            .map_err(|error| WriteError::Failed(error.into()))?;
        // A server that was restarted may have lost the record at the expected revision, and given that revision to
        // another record. Only a read shows this.
        if self.requests.has_reconnected() {
            return Err(WriteError::Failed(StoreError::Disconnected));
        }
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        // Not `kv::Store::update`, which knows only one of the two codes of a conflict.
        let subject = self.request_subject(Request::Write, place);
        let answer = self
            .requests
            .send(&subject, headers, value)
            .await
            .map_err(|unanswered| error::of_write(unanswered, &subject))?;
        match serde_json::from_slice(&answer.payload) {
            Ok(Response::Ok(ack)) => acknowledged(ack, place),
            Ok(Response::Err { error }) => Err(error::of_refused_write(error)),
            Err(error) => Err(WriteError::Unknown(StoreError::Request(error.into()))),
        }
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        let place = self.place()?;
        // An observer does not check what depends on the lease.
        let needs = place.needs(self.lease.get().copied().unwrap_or_default());
        watch::open(&self.requests, place, &needs).await
    }

    fn unanswered(&self, request: Request, waited: Duration) -> StoreError {
        match self.place() {
            Ok(place) => StoreError::NoAnswer {
                subject: self.request_subject(request, place),
                waited,
            },
            Err(error) => error.into(),
        }
    }
}

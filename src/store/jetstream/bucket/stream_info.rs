use std::{collections::HashMap, time::Duration};

use async_nats::{
    datetime,
    jetstream::{response::Response, stream::Config},
};
use serde::{Deserialize, de::IgnoredAny};

use crate::store::{
    error::StoreError,
    jetstream::requests::{Requests, error},
    watch::Epoch,
};

/// A stream, as the server describes it.
///
/// `stream::Info` of async-nats lacks settings that matter here, and cannot be decoded once a server has a value that
/// async-nats does not know.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) config: StreamConfig,
    created: String,
    #[serde(default)]
    state: State,
    #[serde(default)]
    cluster: Cluster,
}

/// The settings of a stream that matter to an election.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StreamConfig {
    pub(crate) subjects: Vec<String>,
    pub(crate) retention: String,
    pub(crate) storage: String,
    pub(crate) num_replicas: usize,
    pub(crate) max_msgs: i64,
    pub(crate) max_bytes: i64,
    pub(crate) max_msgs_per_subject: i64,
    pub(crate) max_msg_size: i64,
    /// In nanoseconds.
    max_age: u64,
    pub(crate) discard_new_per_subject: bool,
    pub(crate) no_ack: bool,
    pub(crate) sealed: bool,
    pub(crate) deny_delete: bool,
    pub(crate) deny_purge: bool,
    pub(crate) allow_msg_ttl: bool,
    pub(crate) mirror: Option<IgnoredAny>,
    pub(crate) sources: Option<IgnoredAny>,
    pub(crate) subject_transform: Option<IgnoredAny>,
    pub(crate) persist_mode: Option<String>,
    pub(crate) allow_msg_counter: bool,
    metadata: HashMap<String, IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    last_seq: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Cluster {
    /// A server that is not in a cluster sends no name.
    name: Option<String>,
}

impl StreamInfo {
    /// Requests a stream. None if it does not exist.
    pub(crate) async fn find(
        requests: &Requests,
        stream: &str,
    ) -> Result<Option<Self>, StoreError> {
        match requests.call(&format!("STREAM.INFO.{stream}"), &()).await? {
            Response::Ok(info) => Ok(Some(info)),
            Response::Err { error } if error::is_stream_missing(&error) => Ok(None),
            Response::Err { error } => Err(error::of_call(error, requests.expects_jetstream())),
        }
    }

    /// Creates a stream.
    pub(crate) async fn create(
        requests: &Requests,
        config: &Config,
    ) -> Result<Response<Self>, StoreError> {
        requests
            .call(&format!("STREAM.CREATE.{}", config.name), config)
            .await
    }

    /// The time at which the stream was created, in nanoseconds.
    pub(crate) fn epoch(&self) -> Result<Epoch, StoreError> {
        let created = datetime::parse_rfc3339(&self.created).map_err(StoreError::Request)?;
        let nanos = u64::try_from(created.unix_timestamp_nanos());
        Ok(Epoch::new(nanos.unwrap_or_default()))
    }

    /// The sequence of the last message, which may have been removed.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.state.last_seq
    }

    pub(crate) fn is_in_cluster(&self) -> bool {
        self.cluster.name.is_some()
    }

    /// Whether the server that leads the stream is 2.11 or later. Earlier servers do not add their version.
    pub(crate) fn is_on_2_11(&self) -> bool {
        self.config.metadata.contains_key("_nats.ver")
    }
}

impl StreamConfig {
    pub(crate) fn max_age(&self) -> Duration {
        Duration::from_nanos(self.max_age)
    }
}

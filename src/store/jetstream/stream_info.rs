use std::{collections::HashMap, time::Duration};

use async_nats::{
    datetime,
    jetstream::{response::Response, stream::Config},
};
use serde::{Deserialize, de::IgnoredAny};

use super::{error, requests::Requests};
use crate::store::{error::StoreError, watch::Epoch};

/// A stream, as the server describes it.
///
/// `stream::Info` of async-nats lacks settings that matter here, and cannot be decoded once a server has a value that
/// async-nats does not know.
#[derive(Debug, Default, Deserialize)]
pub(super) struct StreamInfo {
    pub(super) config: StreamConfig,
    created: String,
    #[serde(default)]
    cluster: Cluster,
}

/// The settings of a stream that matter to a lease.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamConfig {
    pub(super) subjects: Vec<String>,
    pub(super) retention: String,
    pub(super) storage: String,
    pub(super) num_replicas: usize,
    pub(super) max_msgs: i64,
    pub(super) max_bytes: i64,
    pub(super) max_msgs_per_subject: i64,
    pub(super) max_msg_size: i64,
    /// In nanoseconds.
    max_age: u64,
    pub(super) discard_new_per_subject: bool,
    pub(super) no_ack: bool,
    pub(super) sealed: bool,
    pub(super) deny_delete: bool,
    pub(super) mirror: Option<IgnoredAny>,
    pub(super) sources: Option<IgnoredAny>,
    pub(super) subject_transform: Option<IgnoredAny>,
    pub(super) persist_mode: Option<String>,
    pub(super) allow_msg_counter: bool,
    metadata: HashMap<String, IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
struct Cluster {
    /// A server that is not in a cluster sends no name.
    name: Option<String>,
}

impl StreamInfo {
    /// Requests a stream. None if it does not exist.
    pub(super) async fn find(
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
    pub(super) async fn create(
        requests: &Requests,
        config: &Config,
    ) -> Result<Response<Self>, StoreError> {
        requests
            .call(&format!("STREAM.CREATE.{}", config.name), config)
            .await
    }

    /// The time at which the stream was created, in nanoseconds.
    pub(super) fn epoch(&self) -> Result<Epoch, StoreError> {
        let created = datetime::parse_rfc3339(&self.created).map_err(StoreError::Request)?;
        let nanos = u64::try_from(created.unix_timestamp_nanos());
        Ok(Epoch::new(nanos.unwrap_or_default()))
    }

    pub(super) fn is_in_cluster(&self) -> bool {
        self.cluster.name.is_some()
    }

    /// Whether the server that leads the stream is 2.11 or later. Earlier servers do not add their version.
    pub(super) fn is_on_2_11(&self) -> bool {
        self.config.metadata.contains_key("_nats.ver")
    }
}

impl StreamConfig {
    pub(super) fn max_age(&self) -> Duration {
        Duration::from_nanos(self.max_age)
    }
}

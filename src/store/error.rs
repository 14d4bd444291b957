use std::time::Duration;

use thiserror::Error;

use crate::error::{BoxError, ConfigError};

/// An error from a lease store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A setting of the store is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The client is not connected. Nothing was sent.
    #[error("not connected to the NATS server")]
    Disconnected,
    /// The client is closed, and never connects again. Nothing was sent.
    ///
    /// This error stops the election. Every other error is retried once the election has started.
    #[error(
        "the NATS client is closed: it was drained, or has used up its `max_reconnects`; start again with a new client"
    )]
    Closed,
    /// The client is connected, but the server did not respond to a request.
    #[error(
        "no response on `{subject}` within {}: check in the server's log that the user has permission to publish \
         there and to subscribe to its inbox, and that the server is not overloaded",
        seconds(waited)
    )]
    NoAnswer {
        /// The subject of the request.
        subject: String,
        /// How long the request waited for a response.
        waited: Duration,
    },
    /// JetStream is disabled on the server or for the account.
    #[error(
        "JetStream is not available: enable it on the server (`jetstream {{}}` in its configuration, or \
         `nats-server -js`) and for this account"
    )]
    JetStreamDisabled(#[source] BoxError),
    /// The client is connected, but no JetStream API responds in the domain or at the API prefix that is set.
    #[error(
        "no JetStream API responds on `{subject}`: check `.domain(..)` or `.api_prefix(..)`, that the server or the \
         leaf node of that domain is connected, and that this account imports the subject"
    )]
    ApiUnreachable {
        /// The subject of the request.
        subject: String,
    },
    /// The server's version is not supported.
    #[error("nats-server {found} is too old: upgrade to {needed} or later")]
    ServerTooOld {
        /// The version that the server reports.
        found: String,
        /// The oldest version that is supported.
        needed: String,
    },
    /// The bucket does not exist, and [`create_bucket`](crate::Builder::create_bucket) is off.
    #[error(
        "bucket `{bucket}` does not exist: create it with `{command}`, or set `.create_bucket(true)`"
    )]
    BucketMissing {
        /// The bucket's name.
        bucket: String,
        /// The command that creates it.
        command: String,
    },
    /// The bucket could not be created.
    #[error("could not create bucket `{bucket}`")]
    BucketNotCreated {
        /// The bucket's name.
        bucket: String,
        /// The server's error.
        #[source]
        source: BoxError,
    },
    /// The bucket exists, but it cannot keep the lease because of one of its settings.
    #[error("bucket `{bucket}` has {setting} {found}: {remedy}")]
    BucketUnfit {
        /// The bucket's name.
        bucket: String,
        /// The setting's name.
        setting: &'static str,
        /// The setting's value.
        found: String,
        /// How to fix the setting.
        remedy: String,
    },
    /// The server rejected a request, or could not be reached.
    #[error("the request to the lease store failed")]
    Request(#[source] BoxError),
}

impl StoreError {
    /// Whether the same request may succeed later, without a change that a person has to make.
    ///
    /// A node waits as long as the store returns such an error: see [`start`](crate::Builder::start). For
    /// [`NoAnswer`](Self::NoAnswer), which has other causes too, such as a missing permission, `start` waits at most
    /// 30 s.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Disconnected
                | Self::NoAnswer { .. }
                | Self::ApiUnreachable { .. }
                | Self::Request(_)
        )
    }
}

fn seconds(duration: &Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

/// An error from a write to a lease store.
///
/// The variants are distinct because the protocol may act on a conflict, but not on an unknown outcome.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The key's last revision was not the expected revision. Nothing was written.
    ///
    /// A store may also return this if it does not know whether the key has changed, as long as nothing was written.
    /// The candidate then reads the key.
    #[error("the key has changed since it was last read")]
    Conflict,
    /// Nothing was written, and nothing will be.
    #[error("the write failed")]
    Failed(#[source] StoreError),
    /// The write may have been applied, or may still be applied.
    #[error("the outcome of the write is unknown")]
    Unknown(#[source] StoreError),
}

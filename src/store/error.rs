use std::time::Duration;

use thiserror::Error;

use crate::error::{BoxError, ConfigError};

/// Why the store could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A setting of the store cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no connection to the server at the moment. Nothing was sent.
    #[error("not connected to the NATS server")]
    Disconnected,
    /// The server is connected but did not answer a request.
    #[error(
        "no answer on `{subject}` within {}: the user may lack permission to publish there, or to \
         subscribe to its inbox (NATS drops such a request without an answer; the server's log names \
         it), or the server is overloaded",
        seconds(waited)
    )]
    NoAnswer {
        /// Where the request was sent.
        subject: String,
        /// How long the answer was waited for.
        waited: Duration,
    },
    /// The server has no JetStream, or the account may not use it.
    #[error(
        "JetStream is not available: enable it on the server (`jetstream {{}}` in its configuration, or \
         `nats-server -js`) and for this account"
    )]
    JetStreamDisabled(#[source] BoxError),
    /// The server is too old to keep a lease.
    #[error("nats-server {found} is too old: run 2.10 or later")]
    ServerTooOld {
        /// The version that the server names.
        found: String,
    },
    /// The bucket does not exist and may not be created.
    #[error(
        "bucket `{bucket}` does not exist: create it with `nats kv add {bucket} --history 1`, or allow \
         it with `.create_bucket(true)`"
    )]
    BucketMissing {
        /// The bucket's name.
        bucket: String,
    },
    /// The bucket could not be created.
    #[error("bucket `{bucket}` could not be created")]
    BucketNotCreated {
        /// The bucket's name.
        bucket: String,
        /// What the server said.
        #[source]
        source: BoxError,
    },
    /// The bucket exists, with a setting that cannot keep this lease.
    #[error("bucket `{bucket}` has {setting} {found}: {remedy}")]
    BucketUnfit {
        /// The bucket's name.
        bucket: String,
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What to do about it.
        remedy: String,
    },
    /// The server refused a request, or could not be reached.
    #[error("the request failed")]
    Request(#[source] BoxError),
}

impl StoreError {
    /// Whether the same request may succeed later, without anybody changing a setting.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Disconnected | Self::NoAnswer { .. } | Self::Request(_)
        )
    }
}

fn seconds(duration: &Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

/// Why a write was not acknowledged. The three kinds allow different things.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The key's last revision was not the expected one. Nothing was written.
    #[error("the key has changed since it was last seen")]
    Conflict,
    /// Nothing was written, nor will it be.
    #[error("the write failed")]
    Failed(#[source] StoreError),
    /// The write may have been applied, or may still be.
    #[error("the outcome of the write is not known")]
    Unknown(#[source] StoreError),
}

//! Reads and writes of the keys of a bucket.

use std::time::Duration;

use async_nats::{
    HeaderMap,
    header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_TTL},
    jetstream::{
        ErrorCode, message::StreamMessage, publish::PublishAck, response::Response,
        stream::RawMessage,
    },
};
use serde::Deserialize;
use serde_json::json;

use super::{
    bucket::Bucket,
    requests::{Requests, error},
};
use crate::{
    lease::Observation,
    store::{
        error::{StoreError, WriteError},
        lease_store::Request,
    },
};

/// The headers of a deletion by a client, and by the server.
const DELETIONS: [&str; 2] = ["KV-Operation", "Nats-Marker-Reason"];

/// The response to a read.
#[derive(Deserialize)]
struct Found {
    message: RawMessage,
}

impl Requests {
    /// Reads a key. If the bucket does not exist, the key is absent, unless `missing` returns an error.
    pub(super) async fn read(
        &self,
        bucket: &Bucket,
        key: &str,
        missing: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<Observation, StoreError> {
        // The stream's leader answers this request. Any replica, possibly a stale one, answers a direct get.
        let body = json!({ "last_by_subj": bucket.subject(key) });
        let connection = self.connection();
        let seen = match self.call::<Found>(&read_call(bucket), &body).await? {
            Response::Ok(found) => {
                let message =
                    StreamMessage::try_from(found.message).map_err(StoreError::Request)?;
                observation(message.sequence, &message.headers, &message.payload)
            }
            Response::Err { error } if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => {
                Observation::absent()
            }
            Response::Err { error } if error::is_stream_missing(&error) => {
                missing.await?;
                Observation::absent()
            }
            Response::Err { error } => {
                return Err(error::of_call(error, self.expects_jetstream()));
            }
        };
        self.shown().note(connection, key);
        Ok(seen)
    }

    /// Writes a key if its last revision is `expected`. The server removes the record after `removed_after`.
    ///
    /// It fails unless the key was shown on this connection.
    pub(super) async fn write(
        &self,
        bucket: &Bucket,
        (key, expected): (&str, u64),
        value: Vec<u8>,
        removed_after: Option<Duration>,
    ) -> Result<u64, WriteError> {
        if !self.shown().is_current(self.connection(), key) {
            return Err(WriteError::Failed(StoreError::Disconnected));
        }
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        if let Some(after) = removed_after {
            headers.insert(NATS_MESSAGE_TTL, time_to_live(after).as_str());
        }
        // Not `kv::Store::update`, which knows only one of the two codes of a conflict.
        let subject = self.subject_of(Request::Write, bucket, key);
        let answer = self
            .send(&subject, headers, value)
            .await
            .map_err(|unanswered| error::of_write(unanswered, &subject))?;
        match serde_json::from_slice(&answer.payload) {
            Ok(Response::Ok(ack)) => acknowledged(ack, bucket),
            Ok(Response::Err { error }) => Err(error::of_refused_write(error)),
            Err(error) => Err(WriteError::Unknown(StoreError::Request(error.into()))),
        }
    }

    /// The subject of a request for a key.
    pub(super) fn subject_of(&self, request: Request, bucket: &Bucket, key: &str) -> String {
        let subject = bucket.subject(key);
        match (request, self.api()) {
            (Request::Read, _) => self.subject(&read_call(bucket)),
            (Request::Write, None) => subject,
            // As other clients do: the prefix of the API routes the write to the stream's server.
            (Request::Write, Some(api)) => format!("{}.{subject}", api.prefix()),
        }
    }
}

fn read_call(bucket: &Bucket) -> String {
    format!("STREAM.MSG.GET.{}", bucket.stream())
}

/// The revision in an acknowledgement, if this bucket's stream sent it.
fn acknowledged(ack: PublishAck, bucket: &Bucket) -> Result<u64, WriteError> {
    if ack.stream == bucket.stream() {
        return Ok(ack.sequence);
    }
    let unexpected = format!("another stream, `{}`, acknowledged the write", ack.stream);
    Err(WriteError::Unknown(StoreError::Request(unexpected.into())))
}

/// The header of a record that the server removes. It counts in seconds, and rejects less than one.
fn time_to_live(after: Duration) -> String {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    format!("{}s", seconds.max(1))
}

/// The state of a key after a message of the stream.
pub(super) fn observation(revision: u64, headers: &HeaderMap, payload: &[u8]) -> Observation {
    let is_put = |name| {
        headers
            .get(name)
            .is_none_or(|value| value.as_str() == "PUT")
    };
    let value = DELETIONS.into_iter().all(is_put).then(|| payload.to_vec());
    Observation::new(revision, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_deletion_is_an_absence() {
        let with = |name: &str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value);
            observation(7, &headers, b"x").value().map(<[u8]>::to_vec)
        };
        assert_eq!(with("KV-Operation", "DEL"), None);
        assert_eq!(with("KV-Operation", "PURGE"), None);
        assert_eq!(with("Nats-Marker-Reason", "MaxAge"), None);
        assert_eq!(with("KV-Operation", "PUT"), Some(b"x".to_vec()));
        assert_eq!(with("Other", "DEL"), Some(b"x".to_vec()));
    }

    #[test]
    fn records_are_kept_for_whole_seconds() {
        for (after, header) in [(0, "1s"), (1, "1s"), (1000, "1s"), (1001, "2s")] {
            let after = Duration::from_millis(after);
            assert_eq!(time_to_live(after), header, "{after:?}");
        }
        assert_eq!(time_to_live(Duration::from_secs(86_400)), "86400s");
    }
}

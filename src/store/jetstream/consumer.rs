//! A consumer of a bucket's stream, which delivers a watch.
//!
//! A watch ends with its first error, and the caller opens another one. It deletes no consumer, so that a node does not
//! need the permission for that. The ordered consumers of async-nats do, and while disconnected they queue requests for
//! a new consumer.

use std::time::Duration;

use async_nats::{
    Client,
    connection::State,
    jetstream::{
        consumer::{self, AckPolicy, IntoConsumerConfig},
        response::Response,
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{
    bucket::{Bucket, fitness::Needs, stream_info::StreamInfo},
    requests::{Requests, connection, error},
};
use crate::{error::survive, store::error::StoreError};

/// The interval of the server's heartbeats. The watch ends after two missed heartbeats.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long the server keeps the consumer of an abandoned watch.
const REMOVED_AFTER: Duration = Duration::from_secs(5);

/// A consumer that was created, and the stream afterwards.
pub(super) struct Created {
    pub(super) consumer: consumer::Info,
    pub(super) stream: StreamInfo,
    pub(super) connection: Connection,
}

/// Creates the consumer of a watch, and checks the bucket again.
///
/// With a filter, the subject of the request contains it, so that a permission can be limited to it.
pub(super) async fn create(
    requests: &Requests,
    bucket: &Bucket,
    needs: &impl Needs,
    config: consumer::Config,
) -> Result<Created, StoreError> {
    let name = format!("noleader_{}", Uuid::new_v4().simple());
    let stream = bucket.stream();
    let call = match &*config.filter_subject {
        "" => format!("CONSUMER.CREATE.{stream}.{name}"),
        filter => format!("CONSUMER.CREATE.{stream}.{name}.{filter}"),
    };
    let config = consumer::Config {
        name: Some(name),
        description: Some("noleader watch".to_owned()),
        ack_policy: AckPolicy::None,
        // Without a value, the server takes the stream's, and rejects it together with this policy.
        max_ack_pending: -1,
        inactive_threshold: REMOVED_AFTER,
        memory_storage: true,
        num_replicas: 1,
        ..config
    };
    let connection = Connection::of(requests);
    let before = find(requests, bucket, needs).await?.epoch()?;
    let body = json!({ "stream_name": stream, "config": config.into_consumer_config() });
    let consumer = match requests.call(&call, &body).await? {
        Response::Ok(info) => info,
        Response::Err { error } if error::is_stream_missing(&error) => {
            return Err(bucket.missing(needs));
        }
        Response::Err { error } => {
            return Err(error::of_call(error, requests.expects_jetstream()));
        }
    };
    // Read before and after, as the consumer may belong to an earlier stream of this name. The last sequence is that of
    // the second answer: a former leader of the stream that was paused may give the first one, and show fewer messages.
    // It has no majority for a consumer.
    let stream = find(requests, bucket, needs).await?;
    if stream.epoch()? != before {
        let error = "the bucket was recreated while the watch was opened";
        return Err(StoreError::Request(error.into()));
    }
    survive(|| bucket.check_again(&stream, needs));
    Ok(Created {
        consumer,
        stream,
        connection,
    })
}

async fn find(
    requests: &Requests,
    bucket: &Bucket,
    needs: &impl Needs,
) -> Result<StreamInfo, StoreError> {
    let info = StreamInfo::find(requests, &bucket.stream()).await?;
    info.ok_or_else(|| bucket.missing(needs))
}

/// The client's connection when a watch was opened.
pub(super) struct Connection {
    client: Client,
    number: u64,
}

impl Connection {
    fn of(requests: &Requests) -> Self {
        Self {
            client: requests.client().clone(),
            number: requests.connection(),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// A restored connection counts as lost, because the server may have removed the consumer.
    pub(super) fn is_alive(&self) -> bool {
        self.client.connection_state() == State::Connected
            && connection(&self.client) == self.number
    }
}

/// Returns the sequence of a message unless messages before it are missing.
pub(super) fn follows(last: u64, sequence: u64) -> Result<u64, StoreError> {
    if sequence == last + 1 {
        Ok(sequence)
    } else {
        Err(missed())
    }
}

pub(super) fn missed() -> StoreError {
    StoreError::Request("the watch missed a message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_message_is_an_error() {
        assert_eq!(follows(0, 1).unwrap(), 1);
        assert_eq!(follows(1, 2).unwrap(), 2);
        for (last, sequence) in [(0, 2), (1, 3), (2, 2), (2, 1)] {
            assert!(follows(last, sequence).is_err(), "{sequence} after {last}");
        }
    }
}

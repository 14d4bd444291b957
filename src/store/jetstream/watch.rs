use std::time::Duration;

use async_nats::{
    Client, HeaderMap,
    connection::State,
    jetstream::{
        self, Message,
        consumer::{
            AckPolicy, Consumer, DeliverPolicy, Info, IntoConsumerConfig,
            push::{Config, Messages},
        },
        response::Response,
    },
};
use futures_util::{StreamExt, stream};
use serde_json::json;
use uuid::Uuid;

use super::{
    error,
    fitness::Needs,
    requests::{CHECK_EVERY, Requests, connection, new_inbox},
    settings::Place,
    stream_info::StreamInfo,
};
use crate::{
    error::survive,
    lease::Observation,
    store::{error::StoreError, watch::Watch},
};

/// The headers of a deletion by a client, and by the server.
const DELETIONS: [&str; 2] = ["KV-Operation", "Nats-Marker-Reason"];

/// The interval of the server's heartbeats. The watch ends after two missed heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long the server keeps the consumer of an abandoned watch.
const REMOVED_AFTER: Duration = Duration::from_secs(5);

/// Opens a watch of one key.
///
/// The watch ends with its first error (a lost connection, a missed message, missed heartbeats), and the caller opens
/// another one. It deletes no consumer and answers no flow control, because a candidate would need permissions beyond
/// its key for that. The ordered consumer of async-nats does both, and while disconnected it queues requests for a new
/// consumer.
pub(super) async fn open(
    requests: &Requests,
    place: &Place,
    needs: &Needs,
) -> Result<Watch, StoreError> {
    let (client, stream, key) = (requests.client(), place.bucket.stream(), place.subject());
    let name = format!("noleader_{}", Uuid::new_v4().simple());
    let call = format!("CONSUMER.CREATE.{stream}.{name}.{key}");
    let config = consumer(name, key, new_inbox(client));
    let connection = requests.connection();
    let before = find(requests, place).await?.epoch()?;
    let body = json!({ "stream_name": stream, "config": config.clone().into_consumer_config() });
    let info = match requests.call::<Info>(&call, &body).await? {
        Response::Ok(info) => info,
        Response::Err { error } if error::is_stream_missing(&error) => {
            return Err(place.bucket.missing());
        }
        Response::Err { error } => {
            return Err(error::of_call(error, requests.expects_jetstream()));
        }
    };
    let messages = Consumer::new(config, info, jetstream::new(client.clone()))
        .messages()
        .await
        .map_err(|error| StoreError::Request(error.into()))?;
    let pushes = Pushes {
        messages,
        client: client.clone(),
        connection,
        delivered: 0,
    };
    // Read before and after, as the consumer may belong to an earlier stream of this name.
    let info = find(requests, place).await?;
    let epoch = info.epoch()?;
    if epoch != before {
        let error = "the bucket was recreated while the watch was opened";
        return Err(StoreError::Request(error.into()));
    }
    survive(|| place.bucket.check_again(&info, needs));
    let changes = stream::unfold(Some(pushes), async |pushes| {
        let mut pushes = pushes?;
        let item = pushes.next().await?;
        let goes_on = item.is_ok();
        Some((item, goes_on.then_some(pushes)))
    });
    Ok(Watch::new(epoch, changes))
}

async fn find(requests: &Requests, place: &Place) -> Result<StreamInfo, StoreError> {
    let info = StreamInfo::find(requests, &place.bucket.stream()).await?;
    info.ok_or_else(|| place.bucket.missing())
}

/// The consumer has a name so that the subject of its create request contains the key. The permission to watch can
/// then be limited to this key.
fn consumer(name: String, key: String, deliver_subject: String) -> Config {
    Config {
        name: Some(name),
        description: Some("noleader watch".to_owned()),
        deliver_subject,
        filter_subject: key,
        deliver_policy: DeliverPolicy::LastPerSubject,
        ack_policy: AckPolicy::None,
        // Without a value, the server takes the stream's, and rejects it together with this policy.
        max_ack_pending: -1,
        idle_heartbeat: HEARTBEAT,
        inactive_threshold: REMOVED_AFTER,
        memory_storage: true,
        num_replicas: 1,
        ..Default::default()
    }
}

struct Pushes {
    messages: Messages,
    client: Client,
    /// The client's connection when the watch was opened.
    connection: u64,
    /// The number of delivered messages, as counted by the server.
    delivered: u64,
}

impl Pushes {
    async fn next(&mut self) -> Option<Result<Observation, StoreError>> {
        loop {
            match tokio::time::timeout(CHECK_EVERY, self.messages.next()).await {
                Ok(message) => {
                    let message = message?.map_err(|error| StoreError::Request(error.into()));
                    return Some(message.and_then(|message| self.observed(&message)));
                }
                Err(_) if self.is_connected() => {}
                Err(_) => return Some(Err(StoreError::Disconnected)),
            }
        }
    }

    /// A restored connection counts as lost, because the server may have removed the consumer.
    fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
            && connection(&self.client) == self.connection
    }

    fn observed(&mut self, message: &Message) -> Result<Observation, StoreError> {
        let info = message.info().map_err(StoreError::Request)?;
        self.delivered = follows(self.delivered, info.consumer_sequence)?;
        let headers = message.headers.clone().unwrap_or_default();
        Ok(observation(
            info.stream_sequence,
            &headers,
            &message.payload,
        ))
    }
}

/// Returns the sequence of a message unless messages before it are missing.
fn follows(last: u64, sequence: u64) -> Result<u64, StoreError> {
    if sequence == last + 1 {
        Ok(sequence)
    } else {
        Err(StoreError::Request("the watch missed a message".into()))
    }
}

/// The state of the key after a message of the stream.
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
    fn a_missed_message_is_an_error() {
        assert_eq!(follows(0, 1).unwrap(), 1);
        assert_eq!(follows(1, 2).unwrap(), 2);
        for (last, sequence) in [(0, 2), (1, 3), (2, 2), (2, 1)] {
            assert!(follows(last, sequence).is_err(), "{sequence} after {last}");
        }
    }

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
}

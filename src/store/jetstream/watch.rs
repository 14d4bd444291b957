use async_nats::{
    HeaderMap,
    jetstream::{
        Context,
        consumer::{DeliverPolicy, push::OrderedConfig},
    },
};
use futures_util::StreamExt;

use super::{START_TIMEOUT, error};
use crate::store::{Observation, StoreError, Watch};

/// The headers that mark a deletion: by a client, and by the server itself.
const DELETIONS: [&str; 2] = ["KV-Operation", "Nats-Marker-Reason"];

/// Opens a watch of one key: an ordered consumer, as `nats kv watch` has it.
pub(super) async fn open(
    context: &Context,
    stream: &str,
    subject: &str,
) -> Result<Watch, StoreError> {
    let request = |error: async_nats::Error| StoreError::Request(error);
    let consumer = context
        .get_stream_no_info(stream)
        .await
        .map_err(|error| request(error.into()))?
        .create_consumer(OrderedConfig {
            deliver_subject: context.client().new_inbox(),
            description: Some("noleader watch".to_owned()),
            filter_subject: subject.to_owned(),
            deliver_policy: DeliverPolicy::LastPerSubject,
            ..Default::default()
        })
        .await
        .map_err(|error| {
            error::of_request(
                error,
                &format!("$JS.API.CONSUMER.CREATE.{stream}"),
                START_TIMEOUT,
            )
        })?;
    let messages = consumer
        .messages()
        .await
        .map_err(|error| request(error.into()))?;
    Ok(Box::pin(messages.map(|message| {
        let message = message.map_err(|error| StoreError::Request(error.into()))?;
        let revision = message.info().map_err(StoreError::Request)?.stream_sequence;
        let headers = message.headers.clone().unwrap_or_default();
        Ok(observation(revision, &headers, &message.payload))
    })))
}

/// What a message in the stream says of the key.
pub(super) fn observation(revision: u64, headers: &HeaderMap, payload: &[u8]) -> Observation {
    let is_put = |name| {
        headers
            .get(name)
            .is_none_or(|value| value.as_str() == "PUT")
    };
    Observation {
        revision,
        value: DELETIONS.into_iter().all(is_put).then(|| payload.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_of_clients_and_of_the_server_are_absence() {
        let with = |name: &str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value);
            observation(7, &headers, b"x").value
        };
        assert_eq!(with("KV-Operation", "DEL"), None);
        assert_eq!(with("KV-Operation", "PURGE"), None);
        assert_eq!(with("Nats-Marker-Reason", "MaxAge"), None);
        assert_eq!(with("KV-Operation", "PUT"), Some(b"x".to_vec()));
        assert_eq!(with("Other", "DEL"), Some(b"x".to_vec()));
    }
}

use std::time::Duration;

use async_nats::{
    Client, HeaderMap,
    connection::State,
    jetstream::{
        Context, Message,
        consumer::{
            DeliverPolicy,
            push::{Ordered, OrderedConfig},
        },
    },
};
use futures_util::{StreamExt, stream};

use super::{START_TIMEOUT, error};
use crate::store::{Observation, StoreError, Watch};

/// The headers that mark a deletion: by a client, and by the server itself.
const DELETIONS: [&str; 2] = ["KV-Operation", "Nats-Marker-Reason"];

/// How often a watch looks whether it is still connected.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Opens a watch of one key: an ordered consumer, as `nats kv watch` has it.
///
/// It ends when the connection is lost. async-nats would go on, and queue requests for a new consumer all
/// the time, to be sent when the connection is back.
pub(super) async fn open(
    context: &Context,
    stream: &str,
    subject: String,
    api_subject: &str,
) -> Result<Watch, StoreError> {
    let client = context.client();
    let consumer = context
        .get_stream_no_info(stream)
        .await
        .map_err(|error| StoreError::Request(error.into()))?
        .create_consumer(OrderedConfig {
            deliver_subject: client.new_inbox(),
            description: Some("noleader watch".to_owned()),
            filter_subject: subject,
            deliver_policy: DeliverPolicy::LastPerSubject,
            ..Default::default()
        })
        .await
        .map_err(|error| error::of_request(error, api_subject, START_TIMEOUT))?;
    let messages = consumer
        .messages()
        .await
        .map_err(|error| StoreError::Request(error.into()))?;
    Ok(Box::pin(stream::unfold(
        Some((messages, client)),
        |watching| async move {
            let (mut messages, client) = watching?;
            match next(&mut messages, &client).await? {
                Err(StoreError::Disconnected) => Some((Err(StoreError::Disconnected), None)),
                item => Some((item, Some((messages, client)))),
            }
        },
    )))
}

async fn next(messages: &mut Ordered, client: &Client) -> Option<Result<Observation, StoreError>> {
    loop {
        match tokio::time::timeout(LOOK_EVERY, messages.next()).await {
            Ok(message) => return message.map(|message| observed(message.map_err(Into::into))),
            Err(_) if client.connection_state() == State::Connected => {}
            Err(_) => return Some(Err(StoreError::Disconnected)),
        }
    }
}

fn observed(message: Result<Message, async_nats::Error>) -> Result<Observation, StoreError> {
    let message = message.map_err(StoreError::Request)?;
    let revision = message.info().map_err(StoreError::Request)?.stream_sequence;
    let headers = message.headers.clone().unwrap_or_default();
    Ok(observation(revision, &headers, &message.payload))
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

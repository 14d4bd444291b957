use async_nats::{
    HeaderMap,
    jetstream::{
        self, Message,
        consumer::{self, Consumer, DeliverPolicy, FromConsumer, push},
    },
};
use futures_util::{StreamExt, stream};

use super::{needs::OneKey, place::Place};
use crate::{
    lease::Observation,
    store::{
        error::StoreError,
        jetstream::{
            consumer::{Connection, HEARTBEAT, create, follows},
            keys::observation,
            requests::{CHECK_EVERY, Requests, new_inbox},
        },
        watch::Watch,
    },
};

/// Opens a watch of one key, which the server pushes.
///
/// It answers no flow control, because a candidate would need permissions beyond its key for that.
pub(super) async fn open(
    requests: &Requests,
    place: &Place,
    needs: &OneKey,
) -> Result<Watch, StoreError> {
    let client = requests.client();
    let config = consumer::Config {
        deliver_subject: Some(new_inbox(client)),
        filter_subject: place.subject(),
        deliver_policy: DeliverPolicy::LastPerSubject,
        idle_heartbeat: HEARTBEAT,
        ..Default::default()
    };
    let created = create(requests, &place.bucket, needs, config).await?;
    let epoch = created.stream.epoch()?;
    let config = push::Config::try_from_consumer_config(created.consumer.config.clone())
        .map_err(StoreError::Request)?;
    let context = jetstream::new(client.clone());
    let messages = Consumer::new(config, created.consumer, context)
        .messages()
        .await
        .map_err(|error| StoreError::Request(error.into()))?;
    let pushes = Pushes {
        messages,
        connection: created.connection,
        delivered: 0,
    };
    let changes = stream::unfold(Some(pushes), async |pushes| {
        let mut pushes = pushes?;
        let item = pushes.next().await?;
        let goes_on = item.is_ok();
        Some((item, goes_on.then_some(pushes)))
    });
    Ok(Watch::new(epoch, changes))
}

struct Pushes {
    messages: push::Messages,
    connection: Connection,
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
                Err(_) if self.connection.is_alive() => {}
                Err(_) => return Some(Err(StoreError::Disconnected)),
            }
        }
    }

    fn observed(&mut self, message: &Message) -> Result<Observation, StoreError> {
        let info = message.info().map_err(StoreError::Request)?;
        self.delivered = follows(self.delivered, info.consumer_sequence)?;
        let headers = message.headers.as_ref();
        Ok(observation(
            info.stream_sequence,
            headers.unwrap_or(&HeaderMap::new()),
            &message.payload,
        ))
    }
}

//! Requests for the next messages of a consumer, one after the other.

use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber, header::NATS_LAST_CONSUMER};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;

use crate::store::{
    error::StoreError,
    jetstream::{
        consumer::{Connection, HEARTBEAT},
        requests::{CHECK_EVERY, Requests, new_inbox},
    },
};

/// The number of messages that one request asks for. The client queues them, and drops what its queue has no room for:
/// it has 65,536 places by default.
const BATCH: u32 = 1024;

/// How long the server keeps a request. At least two heartbeats.
const EXPIRES: Duration = Duration::from_secs(15);

/// What the server sent.
pub(super) enum Pulled {
    Message(Message),
    /// It has no message at this time. The number of those that it has sent, if it says so.
    Idle(Option<u64>),
}

/// The messages of a consumer.
pub(super) struct Pulls {
    client: Client,
    connection: Connection,
    subscriber: Subscriber,
    inbox: String,
    /// Where and how to ask for messages.
    subject: String,
    request: Bytes,
    /// The number of messages that the current request may still bring.
    left: u32,
    /// How long the server has been silent.
    silent: Duration,
    has_answered: bool,
}

impl Pulls {
    /// Subscribes to the messages that this call of the JetStream API requests.
    pub(super) async fn open(
        requests: &Requests,
        call: String,
        connection: Connection,
    ) -> Result<Self, StoreError> {
        let client = requests.client().clone();
        let inbox = new_inbox(&client);
        // An inbox is a valid subject, so that this fails only if the client is closed.
        let subscriber = client
            .subscribe(inbox.clone())
            .await
            .map_err(|_| StoreError::Closed)?;
        let request = json!({
            "batch": BATCH,
            "expires": nanos(EXPIRES),
            "idle_heartbeat": nanos(HEARTBEAT),
        });
        Ok(Self {
            subject: requests.subject(&call),
            request: request.to_string().into(),
            client,
            connection,
            subscriber,
            inbox,
            left: 0,
            silent: Duration::ZERO,
            has_answered: false,
        })
    }

    pub(super) async fn next(&mut self) -> Result<Pulled, StoreError> {
        loop {
            if self.left == 0 {
                self.request().await?;
            }
            match tokio::time::timeout(CHECK_EVERY, self.subscriber.next()).await {
                Ok(None) => return Err(StoreError::Closed),
                Ok(Some(message)) => {
                    self.silent = Duration::ZERO;
                    self.has_answered = true;
                    match message.status {
                        None => {
                            self.left = self.left.saturating_sub(1);
                            return Ok(Pulled::Message(message));
                        }
                        Some(StatusCode::IDLE_HEARTBEAT) => {
                            return Ok(Pulled::Idle(sent(&message)));
                        }
                        // The request has expired.
                        Some(StatusCode::TIMEOUT) => self.left = 0,
                        Some(status) => {
                            let why = message.description.unwrap_or_default();
                            let why = format!("the consumer ended the watch: {status} {why}");
                            return Err(StoreError::Request(why.into()));
                        }
                    }
                }
                Err(_) => self.check()?,
            }
        }
    }

    async fn request(&mut self) -> Result<(), StoreError> {
        // While disconnected, async-nats queues published messages, and waits if the queue is full.
        self.check_connection()?;
        let published = self.client.publish_with_reply(
            self.subject.clone(),
            self.inbox.clone(),
            self.request.clone(),
        );
        match tokio::time::timeout(CHECK_EVERY, published).await {
            Ok(Ok(())) => {
                self.left = BATCH;
                Ok(())
            }
            Ok(Err(error)) => Err(StoreError::Request(error.into())),
            Err(_) => Err(StoreError::Disconnected),
        }
    }

    fn check(&mut self) -> Result<(), StoreError> {
        self.check_connection()?;
        self.silent += CHECK_EVERY;
        if self.silent < HEARTBEAT * 2 {
            return Ok(());
        }
        Err(match self.has_answered {
            true => StoreError::Request("the watch missed heartbeats".into()),
            // Without the permission to pull, everything else works.
            false => StoreError::NoAnswer {
                subject: self.subject.clone(),
                waited: self.silent,
            },
        })
    }

    fn check_connection(&self) -> Result<(), StoreError> {
        if self.connection.is_alive() {
            Ok(())
        } else {
            Err(StoreError::Disconnected)
        }
    }
}

/// The number of messages that the server has sent, in a heartbeat.
fn sent(heartbeat: &Message) -> Option<u64> {
    let headers = heartbeat.headers.as_ref()?;
    headers.get(NATS_LAST_CONSUMER)?.as_str().parse().ok()
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

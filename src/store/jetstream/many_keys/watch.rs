//! A watch of all keys, over a consumer from which the client pulls.

use std::{collections::VecDeque, sync::Arc};

use async_nats::{
    HeaderMap, Message,
    jetstream::{
        self, Context,
        consumer::{self, DeliverPolicy},
    },
};
use futures_util::stream;

use super::{
    needs::ManyKeys,
    pulls::{Pulled, Pulls},
};
use crate::store::{
    bucket_watch::{BucketWatch, Delivery},
    error::StoreError,
    jetstream::{
        bucket::{Bucket, stream_info::StreamInfo},
        consumer::{Created, create, follows, missed},
        keys::observation,
        requests::{Requests, Shown},
    },
};

/// Opens a watch of all keys. Returns also the stream to which it belongs.
///
/// The consumer has no filter, because the stream has no other subjects. With a history of 1, all messages of the stream
/// are the current records of the keys, in the order of their revisions.
pub(super) async fn open(
    requests: &Requests,
    bucket: &Bucket,
    after: u64,
) -> Result<(BucketWatch, StreamInfo), StoreError> {
    let config = consumer::Config {
        deliver_policy: match after {
            0 => DeliverPolicy::All,
            after => DeliverPolicy::ByStartSequence {
                start_sequence: after.saturating_add(1),
            },
        },
        ..Default::default()
    };
    let Created {
        consumer,
        stream: info,
        connection,
    } = create(requests, bucket, &ManyKeys, config).await?;
    let (epoch, last) = (info.epoch()?, info.last_sequence());
    let shown = requests.shown().clone();
    let next = format!("CONSUMER.MSG.NEXT.{}.{}", bucket.stream(), consumer.name);
    let mut watching = Watching {
        connection: connection.number(),
        pulls: Pulls::open(requests, next, connection).await?,
        context: jetstream::new(requests.client().clone()),
        prefix: bucket.subject(""),
        is_from_start: after == 0,
        last,
        delivered: 0,
        is_caught_up: false,
        ready: VecDeque::new(),
        shown,
    };
    if consumer.num_pending == 0 {
        watching.catch_up();
    }
    let deliveries = stream::unfold(Some(watching), async |watching| {
        let mut watching = watching?;
        let item = watching.next().await;
        let goes_on = item.is_ok();
        Some((item, goes_on.then_some(watching)))
    });
    Ok((BucketWatch::new(epoch, last, deliveries), info))
}

struct Watching {
    pulls: Pulls,
    connection: u64,
    context: Context,
    /// What the subject of a key begins with.
    prefix: String,
    is_from_start: bool,
    /// The last sequence of the stream when the watch was opened.
    last: u64,
    /// The number of delivered messages, as counted by the server.
    delivered: u64,
    is_caught_up: bool,
    /// What the next calls return.
    ready: VecDeque<Delivery>,
    shown: Arc<Shown>,
}

impl Watching {
    async fn next(&mut self) -> Result<Delivery, StoreError> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                self.note(&delivery);
                return Ok(delivery);
            }
            match self.pulls.next().await? {
                Pulled::Message(message) => self.deliver(message)?,
                Pulled::Idle(sent) => self.check(sent)?,
            }
        }
    }

    /// Checks that nothing is missing while the server has nothing to send.
    fn check(&self, sent: Option<u64>) -> Result<(), StoreError> {
        if sent.is_some_and(|sent| sent != self.delivered) {
            return Err(missed());
        }
        if !self.is_caught_up {
            // A message that the server counted was removed before it was sent. A new watch counts again.
            let error = "the watch did not deliver all that it announced";
            return Err(StoreError::Request(error.into()));
        }
        Ok(())
    }

    fn deliver(&mut self, message: Message) -> Result<(), StoreError> {
        let message = jetstream::Message {
            message,
            context: self.context.clone(),
        };
        let info = message.info().map_err(StoreError::Request)?;
        self.delivered = follows(self.delivered, info.consumer_sequence)?;
        let is_last = info.pending == 0 || info.stream_sequence >= self.last;
        let key = message.subject.strip_prefix(&self.prefix);
        let key = key.ok_or_else(|| StoreError::Request("a key of another bucket".into()))?;
        let headers = message.headers.as_ref();
        self.ready.push_back(Delivery::Record {
            index: self.delivered,
            key: key.to_owned(),
            seen: observation(
                info.stream_sequence,
                headers.unwrap_or(&HeaderMap::new()),
                &message.payload,
            ),
        });
        if is_last {
            self.catch_up();
        }
        Ok(())
    }

    fn catch_up(&mut self) {
        if !std::mem::replace(&mut self.is_caught_up, true) {
            self.ready.push_back(Delivery::CaughtUp {
                index: self.delivered,
            });
        }
    }

    /// Notes what is shown by handing this out.
    fn note(&self, delivery: &Delivery) {
        match delivery {
            Delivery::Record { key, .. } => self.shown.note(self.connection, key),
            Delivery::CaughtUp { .. } if self.is_from_start => {
                self.shown.note_all(self.connection);
            }
            Delivery::CaughtUp { .. } => {}
        }
    }
}

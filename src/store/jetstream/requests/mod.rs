mod api;
pub(super) mod error;
mod server_version;
mod shown;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use async_nats::{
    Client, HeaderMap, Message, PublishError, StatusCode, Subscriber, client::PublishErrorKind,
    connection::State, jetstream::response::Response,
};
use futures_util::{FutureExt, SinkExt, StreamExt, future::poll_fn};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

pub(super) use self::shown::Shown;
use self::{api::Api, server_version::ServerVersion};
use super::notices::Notices;
use crate::{
    error::{ConfigError, survive},
    store::error::StoreError,
};

/// How long a request waits for a response, unless its future is dropped before.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends requests, each with an inbox that no other request in progress has.
///
/// The requests of async-nats share one inbox, where each leaves an entry until its response arrives. A request that is
/// never answered leaves its entry there for the life of the client. Here, a dropped request unsubscribes its inbox.
pub(crate) struct Requests {
    client: Client,
    /// Set if JetStream is in another domain or account, about which the client's server knows nothing.
    api: Option<Api>,
    /// The inboxes of requests that were answered. A new subscription costs two messages, and in a cluster a response
    /// from another server may overtake it.
    idle: Mutex<Vec<Inbox>>,
    /// Each inbox has a clone, so that they are counted.
    inboxes: Arc<()>,
    shown: Arc<Shown>,
}

/// The inboxes that are kept in any case. More are kept while more requests are in progress.
const KEPT_INBOXES: usize = 4;

/// The interval at which a request or a watch checks its connection.
pub(crate) const CHECK_EVERY: Duration = Duration::from_millis(500);

/// Why a request has no response.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The client is not connected, or is closed. Nothing was sent.
    NotSent(StoreError),
    /// The client rejected the request. Nothing was sent.
    Invalid(PublishError),
    /// No service subscribes to the subject.
    NoResponders,
    TimedOut,
    /// The connection was lost, and the response with it.
    Reconnected,
    /// The client was closed before the response arrived.
    Closed,
}

struct Inbox {
    subscriber: Subscriber,
    subject: String,
    _counted: Arc<()>,
}

impl Requests {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            api: None,
            idle: Mutex::default(),
            inboxes: Arc::default(),
            shown: Arc::default(),
        }
    }

    /// Uses the JetStream API of a domain.
    pub(crate) fn in_domain(self, domain: &str) -> Self {
        self.reached_by(Api::of_domain(domain))
    }

    /// Uses the JetStream API at a prefix.
    pub(crate) fn at_prefix(self, prefix: String) -> Self {
        self.reached_by(Api::with_prefix(prefix))
    }

    fn reached_by(self, api: Api) -> Self {
        Self {
            // The default one does not lead to the stream's subjects.
            api: Some(api).filter(|api| api.prefix() != Api::DEFAULT_PREFIX),
            ..Self::new(self.client)
        }
    }

    /// Checks the settings.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.api.as_ref().map_or(Ok(()), Api::check)
    }

    /// Checks that the client is connected, to a server that is not too old.
    pub(crate) fn check_server(&self, notices: &Notices) -> Result<(), StoreError> {
        self.connected()?;
        let version = self.client.server_info().version;
        if !ServerVersion::check(&version)? && notices.is_new("version") {
            survive(|| tracing::warn!(version, "could not parse the version of nats-server"));
        }
        Ok(())
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn api(&self) -> Option<&Api> {
        self.api.as_ref()
    }

    /// The keys that were shown on the present connection.
    pub(crate) fn shown(&self) -> &Arc<Shown> {
        &self.shown
    }

    /// The subject of a call of the JetStream API.
    pub(crate) fn subject(&self, call: &str) -> String {
        let prefix = self.api().map_or(Api::DEFAULT_PREFIX, Api::prefix);
        format!("{prefix}.{call}")
    }

    /// Calls the JetStream API. Cancel safe: a dropped call leaves nothing behind.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        call: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<Response<T>, StoreError> {
        let subject = self.subject(call);
        let body = serde_json::to_vec(body).map_err(|error| StoreError::Request(error.into()))?;
        match self.send(&subject, HeaderMap::new(), body).await {
            Ok(answer) => serde_json::from_slice(&answer.payload)
                .map_err(|error| StoreError::Request(error.into())),
            Err(unanswered) => Err(self.unanswered(unanswered, &subject)),
        }
    }

    /// Sends a request, and waits for its response. Cancel safe: a dropped request leaves nothing behind.
    pub(crate) async fn send(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Vec<u8>,
    ) -> Result<Message, Unanswered> {
        self.connected().map_err(Unanswered::NotSent)?;
        let exchange = async {
            let idle = self.idle().pop();
            let mut inbox = match idle {
                Some(inbox) => inbox,
                None => self.open_inbox().await?,
            };
            let answer = inbox
                .exchange(&self.client, subject, headers, payload)
                .await?;
            self.put_back(inbox);
            Ok(answer)
        };
        let answer: Message = tokio::select! {
            biased;
            answer = tokio::time::timeout(TIMEOUT, exchange) => {
                answer.map_err(|_| Unanswered::TimedOut)??
            }
            () = self.reconnected() => return Err(Unanswered::Reconnected),
        };
        match answer.status {
            Some(StatusCode::NO_RESPONDERS) => Err(Unanswered::NoResponders),
            _ => Ok(answer),
        }
    }

    /// Waits until the client has another connection than at this call. Cancel safe.
    async fn reconnected(&self) {
        let connection = self.connection();
        while self.connection() == connection {
            tokio::time::sleep(CHECK_EVERY).await;
        }
    }

    /// Whether requests can be sent at this instant.
    pub(crate) fn connected(&self) -> Result<(), StoreError> {
        if self.is_closed() {
            return Err(StoreError::Closed);
        }
        // While disconnected, async-nats queues published messages, and sends them much later.
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(StoreError::Disconnected),
        }
    }

    /// The number of the client's connection.
    pub(crate) fn connection(&self) -> u64 {
        connection(&self.client)
    }

    /// Whether the client is closed. Its connection state does not show this: it keeps its last value.
    fn is_closed(&self) -> bool {
        // Reserves a place in the client's queue, and gives it back.
        let mut client = self.client.clone();
        let ready = poll_fn(|cx| client.poll_ready_unpin(cx)).now_or_never();
        matches!(ready, Some(Err(_)))
    }

    /// Whether JetStream is expected to respond later: the server has announced it or is in lame-duck mode, or JetStream
    /// is in another domain or account.
    pub(crate) fn expects_jetstream(&self) -> bool {
        let info = self.client.server_info();
        self.api.is_some() || info.jetstream || info.lame_duck_mode
    }

    pub(crate) fn unanswered(&self, unanswered: Unanswered, subject: &str) -> StoreError {
        match unanswered {
            Unanswered::NotSent(error) => error,
            Unanswered::Invalid(error) => StoreError::Request(error.into()),
            // The server that is missing is in another domain or account.
            Unanswered::NoResponders if self.api.is_some() => StoreError::ApiUnreachable {
                subject: subject.to_owned(),
            },
            Unanswered::NoResponders if self.expects_jetstream() => {
                StoreError::Request(no_responders(subject).into())
            }
            Unanswered::NoResponders => {
                StoreError::JetStreamDisabled(no_responders(subject).into())
            }
            Unanswered::TimedOut => no_answer(subject),
            Unanswered::Reconnected => StoreError::Disconnected,
            Unanswered::Closed => StoreError::Closed,
        }
    }

    async fn open_inbox(&self) -> Result<Inbox, Unanswered> {
        let subject = new_inbox(&self.client);
        // An inbox is a valid subject, so that this fails only if the client is closed.
        let subscriber = self
            .client
            .subscribe(format!("{subject}.*"))
            .await
            .map_err(|_| Unanswered::NotSent(StoreError::Closed))?;
        Ok(Inbox {
            subscriber,
            subject,
            _counted: self.inboxes.clone(),
        })
    }

    /// Keeps an inbox for the next request. After many requests at once, most inboxes are closed: each takes 6 KiB or more.
    fn put_back(&self, inbox: Inbox) {
        let mut idle = self.idle();
        idle.push(inbox);
        let in_use = Arc::strong_count(&self.inboxes) - 1 - idle.len();
        idle.truncate(in_use.max(KEPT_INBOXES));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Inbox>> {
        // A panic cannot leave the list invalid.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A subject for responses or pushes that no copy of this process has. The client draws its own names from a generator
/// in memory, which a copy repeats.
pub(crate) fn new_inbox(client: &Client) -> String {
    format!("{}.{}", client.new_inbox(), Uuid::new_v4().simple())
}

/// The number of a client's connection.
pub(crate) fn connection(client: &Client) -> u64 {
    client.statistics().connects.load(Ordering::Relaxed)
}

pub(crate) fn no_answer(subject: &str) -> StoreError {
    StoreError::NoAnswer {
        subject: subject.to_owned(),
        waited: TIMEOUT,
    }
}

fn no_responders(subject: &str) -> String {
    format!("no service responds on `{subject}`")
}

impl Inbox {
    async fn exchange(
        &mut self,
        client: &Client,
        subject: &str,
        headers: HeaderMap,
        payload: Vec<u8>,
    ) -> Result<Message, Unanswered> {
        // Each request has its own reply subject. A late second response is thus not taken for that to another request,
        // nor is the response to a request of a copy of this process, which subscribes to the same inbox.
        let reply = format!("{}.{}", self.subject, Uuid::new_v4().simple());
        client
            .publish_with_reply_and_headers(
                subject.to_owned(),
                reply.clone(),
                headers,
                payload.into(),
            )
            .await
            .map_err(|error| match error.kind() {
                PublishErrorKind::Send => Unanswered::NotSent(StoreError::Closed),
                PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::InvalidSubject => {
                    Unanswered::Invalid(error)
                }
            })?;
        while let Some(answer) = self.subscriber.next().await {
            if answer.subject.as_str() == reply {
                return Ok(answer);
            }
        }
        // A subscription ends only with its client.
        Err(Unanswered::Closed)
    }
}

/// The clone has the same client, separate inboxes, and was shown nothing.
impl Clone for Requests {
    fn clone(&self) -> Self {
        Self {
            api: self.api.clone(),
            ..Self::new(self.client.clone())
        }
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("api", &self.api)
            .finish_non_exhaustive()
    }
}

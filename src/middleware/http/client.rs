use std::{
    any::{Any, TypeId},
    future::{Future, pending, poll_fn},
    marker::PhantomData,
    pin::{Pin, pin},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    body::{BoxBody, with_trailers},
    failure::Failure,
    from_body::FromBody,
    hop::remove_hop_by_hop,
    upload::Reader,
};
use crate::{clock::Clock, error::BoxError};

/// A call in progress.
pub(in crate::middleware) type Sent =
    Pin<Box<dyn Future<Output = Result<Response<BoxBody>, Failure>> + Send>>;

/// The time limit of a call.
pub(in crate::middleware) struct Timeout {
    pub(in crate::middleware) clock: Clock,
    pub(in crate::middleware) limit: Option<Duration>,
}

impl Timeout {
    async fn over(self) {
        match self.limit {
            Some(limit) => self.clock.sleep(limit).await,
            None => pending().await,
        }
    }
}

/// An HTTP client of any kind.
pub(in crate::middleware) trait Client: Send + Sync {
    /// Sends a request, and waits for the head of the response until `timeout`. The hop-by-hop headers are removed from
    /// its trailers. Dropping the future cancels the call.
    fn send(&self, request: Request<Reader>, timeout: Timeout) -> Sent;

    /// The type of the request bodies.
    fn body_type(&self) -> TypeId;

    /// Makes a request body, as a `Box` of its type.
    fn body(&self, reader: Reader) -> Box<dyn Any>;
}

/// A client whose requests have a body `B`.
pub(in crate::middleware) struct Erased<C, B> {
    /// Locked for as long as it takes to clone it, because a client need not be `Sync`.
    client: Mutex<C>,
    body: PhantomData<fn() -> B>,
}

impl<C, B> Erased<C, B> {
    pub(in crate::middleware) fn new(client: C) -> Self {
        Self {
            client: Mutex::new(client),
            body: PhantomData,
        }
    }
}

impl<C, B, R> Client for Erased<C, B>
where
    C: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    B: FromBody,
    R: Body<Error: Into<BoxError>> + Send + 'static,
{
    fn send(&self, request: Request<Reader>, timeout: Timeout) -> Sent {
        let client = self.client.lock();
        let mut client = client.unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            let mut over = pin!(timeout.over());
            tokio::select! {
                biased;
                ready = poll_fn(|cx| client.poll_ready(cx)) => {
                    ready.map_err(|error| Failure::Unreachable(error.into()))?;
                }
                () = &mut over => {
                    let error = "the client was not ready in time";
                    return Err(Failure::Unreachable(error.into()));
                }
            }
            let request = request.map(B::from_body);
            tokio::select! {
                biased;
                response = client.call(request) => response
                    .map(|response| response.map(|body| with_trailers(body, remove_hop_by_hop)))
                    .map_err(|error| Failure::of_call(error.into())),
                () = &mut over => Err(Failure::TooSlow),
            }
        })
    }

    fn body_type(&self) -> TypeId {
        TypeId::of::<B>()
    }

    fn body(&self, reader: Reader) -> Box<dyn Any> {
        Box::new(B::from_body(reader))
    }
}

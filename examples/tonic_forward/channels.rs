//! tonic's `Channel` as a client that follows the leader.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures_util::future::{Either, Ready, ready};
use http::{
    Request, Response, Uri,
    uri::{Authority, Scheme},
};
use tonic::{
    body::Body,
    transport::{Channel, Endpoint, Error},
};
use tower::{Service, ServiceExt, util::Oneshot};

/// Calls the host that a request's URI names, over a `Channel` to that host.
///
/// A `Channel` connects to the endpoint that it was created for, whatever the URI names. Only the leader is called,
/// so this keeps only the last channel.
#[derive(Clone, Default)]
pub(crate) struct Channels {
    last: Arc<Mutex<Option<(Origin, Channel)>>>,
}

type Origin = (Option<Scheme>, Option<Authority>);

impl Channels {
    fn to(&self, uri: &Uri) -> Result<Channel, Error> {
        let origin = (uri.scheme().cloned(), uri.authority().cloned());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((kept, channel)) = &*last
            && *kept == origin
        {
            return Ok(channel.clone());
        }
        // Limits on connecting and keeping alive are settings of the endpoint.
        let channel = Endpoint::from_shared(uri.to_string())?.connect_lazy();
        *last = Some((origin, channel.clone()));
        Ok(channel)
    }
}

impl Service<Request<Body>> for Channels {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Either<Oneshot<Channel, Request<Body>>, Ready<Result<Response<Body>, Error>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(())) // The request decides which channel it is.
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.to(request.uri()) {
            Ok(channel) => Either::Left(channel.oneshot(request)),
            Err(error) => Either::Right(ready(Err(error))),
        }
    }
}

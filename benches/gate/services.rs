//! The services behind the gate, and a call to one.

use std::{
    convert::Infallible,
    fmt::Debug,
    future::{Ready, ready},
    task::{Context, Poll, Waker},
};

use axum::{body::Body, response::Response};
use futures_util::FutureExt;
use http::{Method, Request};
use noleader::NotLeader;
use tower::Service;

/// Responds at once with an empty body.
#[derive(Clone)]
pub(crate) struct Bare;

impl Service<Request<Body>> for Bare {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::empty())))
    }
}

/// The same without HTTP.
#[derive(Clone)]
pub(crate) struct BareUnit;

impl Service<()> for BareUnit {
    type Response = ();
    type Error = NotLeader;
    type Future = Ready<Result<(), NotLeader>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotLeader>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

/// One request, from readiness to the response, which all these services give without waiting.
pub(crate) fn call<S, R>(service: &mut S, request: R) -> Result<S::Response, S::Error>
where
    S: Service<R>,
    S::Error: Debug,
{
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(ready) = service.poll_ready(&mut context) else {
        unreachable!("every service here is always ready");
    };
    ready.expect("the service is ready");
    service
        .call(request)
        .now_or_never()
        .expect("the service responds at once")
}

pub(crate) fn request(method: Method) -> Request<Body> {
    // With extensions, as in a request from axum and hyper.
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    request.extensions_mut().insert(7_u8);
    request
}

pub(crate) fn post() -> Request<Body> {
    request(Method::POST)
}

//! The services behind the gate, and how one is called.

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

/// Answers at once, with nothing.
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

/// The same for a service that is not HTTP.
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

/// One request, from readiness to the answer, which all of these give without waiting.
pub(crate) fn call<S, R>(service: &mut S, request: R) -> Result<S::Response, S::Error>
where
    S: Service<R>,
    S::Error: Debug,
{
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(ready) = service.poll_ready(&mut context) else {
        unreachable!("every service here is ready");
    };
    ready.expect("ready");
    service.call(request).now_or_never().expect("at once")
}

pub(crate) fn request(method: Method) -> Request<Body> {
    // As axum and hyper hand it over: with extensions of their own.
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    request.extensions_mut().insert(7_u8);
    request
}

pub(crate) fn post() -> Request<Body> {
    request(Method::POST)
}

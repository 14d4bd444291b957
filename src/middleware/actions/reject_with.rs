use std::{any::type_name, fmt, future::Future, pin::Pin, sync::Arc};

use http::{Request, Response};
use http_body::Body;

use super::FollowerAction;
use crate::{
    error::BoxError,
    middleware::http::{
        answer::{Form, Rejected},
        body::{BoxBody, boxed},
    },
    task::NotLeader,
};

type Answer = Pin<Box<dyn Future<Output = Response<BoxBody>> + Send>>;

/// Rejects requests, whose body is a `B`, with the response that a closure returns.
///
/// Created by [`LeaderOnlyLayer::reject_with`](crate::LeaderOnlyLayer::reject_with).
pub struct RejectWith<B> {
    answer: Arc<dyn Fn(NotLeader, Request<B>) -> Answer + Send + Sync>,
    closure: &'static str,
}

impl<B> RejectWith<B> {
    pub(in crate::middleware) fn new<F, R, Kind>(answer: F) -> Self
    where
        F: Fn(NotLeader, Request<B>) -> R + Send + Sync + 'static,
        R: IntoAnswer<Kind>,
    {
        Self {
            answer: Arc::new(move |not_leader, request| answer(not_leader, request).into_answer()),
            closure: type_name::<F>(),
        }
    }
}

impl<B: Send + 'static> FollowerAction<B> for RejectWith<B> {
    type Body = BoxBody;

    async fn respond(&self, request: Request<B>, not_leader: NotLeader) -> Response<BoxBody> {
        let mut response = (self.answer)(not_leader, request).await;
        let may_be_executed = is_success(&response);
        response.extensions_mut().insert(Rejected {
            // The closure names the leader itself.
            leader: None,
            may_be_executed,
            form: Form::Text,
        });
        response
    }
}

/// Whether the response says that the request was executed. A gRPC response without a body is a 200 with any
/// status.
fn is_success<B>(response: &Response<B>) -> bool {
    let grpc_status = response.headers().get("grpc-status");
    response.status().is_success() && grpc_status.is_none_or(|status| status == "0")
}

impl<B> Clone for RejectWith<B> {
    fn clone(&self) -> Self {
        Self {
            answer: self.answer.clone(),
            closure: self.closure,
        }
    }
}

impl<B> fmt::Debug for RejectWith<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RejectWith({})", self.closure)
    }
}

/// What a closure for [`reject_with`](crate::LeaderOnlyLayer::reject_with) returns: a response, or a future of one. The
/// parameter distinguishes the two.
pub trait IntoAnswer<Kind> {
    #[doc(hidden)]
    fn into_answer(self) -> Answer;
}

/// A response.
#[doc(hidden)]
#[derive(Debug)]
pub enum AtOnce {}

/// A future of a response.
#[doc(hidden)]
#[derive(Debug)]
pub enum Later {}

impl<R> IntoAnswer<AtOnce> for Response<R>
where
    R: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    fn into_answer(self) -> Answer {
        let response = self.map(boxed);
        Box::pin(async { response })
    }
}

impl<F, R> IntoAnswer<Later> for F
where
    F: Future<Output = Response<R>> + Send + 'static,
    R: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    fn into_answer(self) -> Answer {
        Box::pin(async { self.await.map(boxed) })
    }
}

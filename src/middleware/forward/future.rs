use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{body::ForwardBody, call::Call, failure::Failure, hop::prepare_response};
use crate::{
    error::{self, BoxError},
    lease::LeaderInfo,
    middleware::{
        answer::{Form, Rejection},
        body::ResponseBody,
        future::ResponseFuture,
        reject::Reject,
    },
    task::NotLeader,
};

pin_project! {
    /// The response future of [`Forward`](super::Forward): the future of the gated service, `F`, a rejection, or a call
    /// of the client `C`.
    ///
    /// Dropping it cancels the call to the leader. A request that was forwarded may have been executed.
    #[must_use = "futures do nothing unless polled"]
    pub struct ForwardFuture<F, C, B>
    where
        C: Service<Request<B>>,
    {
        #[pin]
        state: State<F, C, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, C, B>
    where
        C: Service<Request<B>>,
    {
        Here {
            #[pin]
            future: ResponseFuture<F>,
        },
        Leader {
            #[pin]
            call: Call<C, B>,
            otherwise: Otherwise,
        },
    }
}

/// Responds if the leader does not.
pub(super) struct Otherwise {
    pub(super) form: Form,
    pub(super) reject: Reject,
    pub(super) not_leader: NotLeader,
}

impl<F, C, B> ForwardFuture<F, C, B>
where
    C: Service<Request<B>>,
{
    #[inline]
    pub(super) fn here(future: ResponseFuture<F>) -> Self {
        Self {
            state: State::Here { future },
        }
    }

    pub(super) fn of_leader(call: Call<C, B>, otherwise: Otherwise) -> Self {
        Self {
            state: State::Leader { call, otherwise },
        }
    }
}

impl<F, E, C, B, ResBody, R> Future for ForwardFuture<F, C, B>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    C: Service<Request<B>, Response = Response<R>>,
    C::Error: Into<BoxError>,
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Output = Result<Response<ForwardBody<ResBody, R>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Here { future } => future
                .poll(cx)
                .map(|response| response.map(|response| response.map(ForwardBody::here))),
            StateProj::Leader { call, otherwise } => Poll::Ready(Ok(match ready!(call.poll(cx)) {
                Ok(response) => passed_on(response),
                Err(failure) => otherwise
                    .answer(&failure)
                    .into_response(|text| ForwardBody::here(ResponseBody::text(text))),
            })),
        }
    }
}

fn passed_on<B, R>(mut response: Response<R>) -> Response<ForwardBody<B, R>> {
    prepare_response(response.headers_mut());
    // This node's server chooses the version of its own connection.
    *response.version_mut() = Version::default();
    response.map(ForwardBody::of_leader)
}

impl Otherwise {
    fn answer(&self, failure: &Failure) -> Rejection {
        let leader = self.not_leader.leader();
        tracing::warn!(
            leader = leader.map(LeaderInfo::id),
            address = leader.and_then(LeaderInfo::address),
            error = failure.source().map(|error| error::line(error)),
            "{failure}",
        );
        self.reject.failed(self.form, failure, &self.not_leader)
    }
}

impl<F, C, B> fmt::Debug for ForwardFuture<F, C, B>
where
    C: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_forwarded = matches!(self.state, State::Leader { .. });
        f.debug_struct("ForwardFuture")
            .field("is_forwarded", &is_forwarded)
            .finish_non_exhaustive()
    }
}

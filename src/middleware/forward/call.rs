use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::failure::Failure;
use crate::{clock::Clock, error::BoxError};

type Timeout = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

pin_project! {
    /// One call of a client, from its readiness to the head of the response. Dropping it cancels the call.
    pub(super) struct Call<C, B>
    where
        C: Service<Request<B>>,
    {
        client: C,
        request: Option<Request<B>>,
        #[pin]
        response: Option<C::Future>,
        time_limit: Option<(Clock, Duration)>,
        timeout: Option<Timeout>,
    }
}

impl<C, B> Call<C, B>
where
    C: Service<Request<B>>,
{
    pub(super) fn new(
        client: C,
        request: Request<B>,
        time_limit: Option<(Clock, Duration)>,
    ) -> Self {
        Self {
            client,
            request: Some(request),
            response: None,
            time_limit,
            timeout: None,
        }
    }
}

impl<C, B, R> Future for Call<C, B>
where
    C: Service<Request<B>, Response = Response<R>>,
    C::Error: Into<BoxError>,
{
    type Output = Result<Response<R>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(request) = this.request.take() {
            match this.client.poll_ready(cx) {
                Poll::Ready(Ok(())) => this.response.set(Some(this.client.call(request))),
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(Failure::Unreachable(error.into())));
                }
                Poll::Pending => *this.request = Some(request),
            }
        }
        if let Some(response) = this.response.as_pin_mut()
            && let Poll::Ready(response) = response.poll(cx)
        {
            return Poll::Ready(match response {
                Ok(response) => expected(response),
                Err(error) => Err(Failure::of_call(error.into())),
            });
        }
        let Some((clock, time_limit)) = this.time_limit else {
            return Poll::Pending;
        };
        let timeout = this
            .timeout
            .get_or_insert_with(|| Box::pin(clock.sleep(*time_limit)));
        timeout.as_mut().poll(cx).map(|()| {
            Err(match this.request {
                Some(_) => Failure::Unreachable("the client was not ready in time".into()),
                None => Failure::TooSlow,
            })
        })
    }
}

/// No forwarded request asks for another protocol: `upgrade` is removed as a hop-by-hop header.
fn expected<R>(response: Response<R>) -> Result<Response<R>, Failure> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let error = "the leader switched protocols without a request to do so";
        return Err(Failure::Broken(error.into()));
    }
    Ok(response)
}

//! The gRPC service, with a method of each kind. In place of generated code.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use ::http::{Request, Response};
use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    future::{BoxFuture, ready},
    stream::{self, BoxStream},
};
use noleader::Term;
use tonic::{
    Status, Streaming,
    body::Body,
    server::{Grpc, NamedService},
};
use tonic_prost::ProstCodec;
use tower::{BoxError, Service, service_fn};

use crate::desk::{Desk, Pause, Work};

#[derive(Clone)]
pub(crate) struct Orders(pub(crate) Desk);

impl NamedService for Orders {
    const NAME: &'static str = "test.Orders";
}

impl<B> Service<Request<B>> for Orders
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = request.map(Body::new);
        let desk = self.0.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<String, String>::default());
            let kind = request.uri().path().rsplit('/').next().unwrap();
            Ok(match kind {
                "Unary" => grpc.unary(service_fn(|r| unary(&desk, r)), request).await,
                "ClientStreaming" => {
                    let method = service_fn(|r| client_streaming(&desk, r));
                    grpc.client_streaming(method, request).await
                }
                "ServerStreaming" => {
                    let method = service_fn(|r| server_streaming(&desk, r));
                    grpc.server_streaming(method, request).await
                }
                "Bidi" => {
                    let method = service_fn(|r| bidi(&desk, r));
                    grpc.streaming(method, request).await
                }
                other => panic!("unknown method {other}"),
            })
        })
    }
}

type Reply<T> = Result<tonic::Response<T>, Status>;
type Replies = BoxStream<'static, Result<String, Status>>;

fn begin<T>(desk: &Desk, request: &tonic::Request<T>) -> Work {
    desk.begin(request.extensions().get::<Term>())
}

async fn unary(desk: &Desk, request: tonic::Request<String>) -> Reply<String> {
    let work = begin(desk, &request);
    work.pause(Pause::BeforeHead).await;
    let reply = format!("{} took {}", work.by, request.into_inner());
    work.done();
    Ok(reply.into())
}

/// Does not pause, because its client does.
async fn client_streaming(
    desk: &Desk,
    request: tonic::Request<Streaming<String>>,
) -> Reply<String> {
    let work = begin(desk, &request);
    let orders: Vec<_> = request.into_inner().try_collect().await?;
    let reply = format!("{} took {}", work.by, orders.join(", "));
    work.done();
    Ok(reply.into())
}

async fn server_streaming(desk: &Desk, request: tonic::Request<String>) -> Reply<Replies> {
    let work = begin(desk, &request);
    work.pause(Pause::BeforeHead).await;
    let first = format!("{} took", work.by);
    let second = async move {
        work.pause(Pause::AfterHead).await;
        work.done();
        request.into_inner()
    };
    let replies = stream::once(ready(first)).chain(stream::once(second));
    Ok(replies.map(Ok).boxed().into())
}

async fn bidi(desk: &Desk, request: tonic::Request<Streaming<String>>) -> Reply<Replies> {
    let work = begin(desk, &request);
    work.pause(Pause::BeforeHead).await;
    let by = work.by.clone();
    let end = stream::once(async move { work.done() });
    let replies = request
        .into_inner()
        .map_ok(move |order| format!("{by} took {order}"))
        .chain(end.filter_map(|()| ready(None)));
    Ok(replies.boxed().into())
}

//! gRPC through a follower: a tonic client, and tonic servers as the follower and as the leader.

use std::{convert::Infallible, future::ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::uri::PathAndQuery;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::{sync::mpsc, task::JoinSet};
use tonic::{Code, Request, Response, Status, Streaming, client, metadata::MetadataValue};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::{
    echo::{BOTH, CLIENT, SERVER, UNARY, failure},
    grpc_servers::{Grpc, follow},
    node::{Node, soon},
    servers::{Server, listen},
};

fn with_metadata<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("x-key", "value".parse().unwrap());
    let value = MetadataValue::from_bytes(&[0, 255, 10]);
    request.metadata_mut().insert_bin("x-key-bin", value);
    request
}

fn codec() -> ProstCodec<String, String> {
    ProstCodec::default()
}

/// Checks that the leader responded, and received the metadata and the term.
#[track_caller]
fn check<T>(grpc: &Grpc, response: Response<T>) -> T {
    let (metadata, message, _) = response.into_parts();
    assert_eq!(metadata.get("x-key").unwrap(), "value");
    assert_eq!(
        metadata.get_bin("x-key-bin").unwrap().to_bytes().unwrap(),
        &[0, 255, 10][..]
    );
    let token = grpc.leader.handle.term().unwrap().token();
    assert_eq!(metadata.get("x-token").unwrap(), &token.to_string());
    message
}

#[track_caller]
fn failed(status: &Status) {
    let expected = failure();
    assert_eq!(status.code(), expected.code());
    assert_eq!(status.message(), expected.message());
    assert_eq!(status.details(), expected.details());
    assert_eq!(
        status.metadata().get("x-cause"),
        expected.metadata().get("x-cause")
    );
    let cause = status.metadata().get_bin("x-cause-bin");
    assert_eq!(cause, expected.metadata().get_bin("x-cause-bin"));
}

#[tokio::test]
async fn unary_calls_are_forwarded() {
    let grpc = Grpc::start().await;
    let path = PathAndQuery::from_static(UNARY);
    let request = with_metadata("hello".to_owned());
    let answer = grpc
        .client()
        .await
        .unary(request, path.clone(), codec())
        .await;
    assert_eq!(check(&grpc, answer.unwrap()), "hello");

    let request = with_metadata("fail".to_owned());
    let answer: Result<Response<String>, _> =
        grpc.client().await.unary(request, path, codec()).await;
    failed(&answer.unwrap_err());
}

#[tokio::test]
async fn client_streams_are_forwarded() {
    let grpc = Grpc::start().await;
    let path = PathAndQuery::from_static(CLIENT);
    let texts = || stream::iter(["a", "b", "c"].map(str::to_owned));
    let call = grpc
        .client()
        .await
        .client_streaming(with_metadata(texts()), path.clone(), codec())
        .await;
    assert_eq!(check(&grpc, call.unwrap()), "abc");

    let texts = stream::iter(["a", "fail"].map(str::to_owned));
    let call: Result<Response<String>, _> = grpc
        .client()
        .await
        .client_streaming(with_metadata(texts), path, codec())
        .await;
    failed(&call.unwrap_err());
}

#[tokio::test]
async fn server_streams_are_forwarded() {
    let grpc = Grpc::start().await;
    let path = PathAndQuery::from_static(SERVER);
    let request = with_metadata("a b fail".to_owned());
    let answer = grpc
        .client()
        .await
        .server_streaming(request, path, codec())
        .await;
    let mut texts: Streaming<String> = check(&grpc, answer.unwrap());
    assert_eq!(texts.message().await.unwrap().unwrap(), "a");
    assert_eq!(texts.message().await.unwrap().unwrap(), "b");
    failed(&texts.message().await.unwrap_err());
}

fn talk() -> (mpsc::Sender<String>, impl Stream<Item = String> + Send) {
    let (say, mut texts) = mpsc::channel(1);
    (say, stream::poll_fn(move |cx| texts.poll_recv(cx)))
}

#[tokio::test]
async fn bidirectional_streams_are_forwarded() {
    let grpc = Grpc::start().await;
    let path = PathAndQuery::from_static(BOTH);
    let (say, texts) = talk();
    let call = with_metadata(texts);
    let answer = grpc.client().await.streaming(call, path, codec()).await;
    let mut texts: Streaming<String> = check(&grpc, answer.unwrap());
    for text in ["a", "b", "c"] {
        say.send(text.to_owned()).await.unwrap();
        assert_eq!(soon(texts.message()).await.unwrap().unwrap(), text);
    }
    drop(say);
    assert_eq!(soon(texts.message()).await.unwrap(), None);
}

#[tokio::test]
async fn a_broken_stream_is_not_unavailable() {
    let (listener, url) = listen();
    let hello = service_fn(|_| {
        let message = Frame::data(Bytes::from_static(b"\0\0\0\0\x03\x0a\x01a"));
        let body = stream::iter([Ok::<_, Infallible>(message)]).chain(stream::pending());
        let response = http::Response::builder().header("content-type", "application/grpc");
        ready(Ok(response.body(StreamBody::new(body)).unwrap()))
    });
    let at_leader = Server::start(listener, hello);
    let follower = Node::follower_of(Some(&url)).await;
    let mut servers = JoinSet::new();
    let mut client = client::Grpc::new(follow(&mut servers, &follower));
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(SERVER);
    let call = with_metadata("a".to_owned());
    let answer = soon(client.server_streaming(call, path, codec())).await;
    let mut texts: Streaming<String> = answer.unwrap().into_inner();
    assert_eq!(soon(texts.message()).await.unwrap().unwrap(), "a");
    drop(at_leader);
    let status = soon(texts.message()).await.unwrap_err();
    // `UNAVAILABLE` would say that the request was not executed.
    assert_ne!(status.code(), Code::Unavailable, "{status}");
}

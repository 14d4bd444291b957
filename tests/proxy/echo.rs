//! A gRPC service with a method of each kind. In place of generated code.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use noleader::Term;
use tonic::{
    Code, Request, Response, Status, Streaming,
    body::Body,
    metadata::MetadataMap,
    server::{Grpc, NamedService},
};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

/// Returns the text that it receives. The text `fail` makes it fail.
#[derive(Clone, Debug)]
pub(crate) struct Echo;

pub(crate) const UNARY: &str = "/test.Echo/Unary";
pub(crate) const CLIENT: &str = "/test.Echo/Client";
pub(crate) const SERVER: &str = "/test.Echo/Server";
pub(crate) const BOTH: &str = "/test.Echo/Both";

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<String, String>::default());
            Ok(match request.uri().path() {
                UNARY => grpc.unary(service_fn(unary), request).await,
                CLIENT => grpc.client_streaming(service_fn(client), request).await,
                SERVER => grpc.server_streaming(service_fn(server), request).await,
                BOTH => grpc.streaming(service_fn(both), request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

/// A failure with a message, details and metadata.
pub(crate) fn failure() -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert("x-cause", "on purpose".parse().unwrap());
    metadata.insert_bin(
        "x-cause-bin",
        tonic::metadata::MetadataValue::from_bytes(&[0, 255]),
    );
    Status::with_details_and_metadata(
        Code::FailedPrecondition,
        "failed: 100 %, \u{fc}ber",
        Bytes::from_static(&[8, 1, 0, 255]),
        metadata,
    )
}

fn said(text: String) -> Result<String, Status> {
    if text == "fail" {
        Err(failure())
    } else {
        Ok(text)
    }
}

/// A response with the metadata of the request and the token of its term.
fn answer<T>(metadata: &MetadataMap, term: Option<u64>, message: T) -> Response<T> {
    let mut response = Response::new(message);
    // The layer takes the mark off.
    assert!(metadata.get("noleader-forwarded").is_none());
    if let Some(value) = metadata.get("x-key") {
        response.metadata_mut().insert("x-key", value.clone());
    }
    let key = metadata.get_bin("x-key-bin").unwrap();
    response.metadata_mut().insert_bin("x-key-bin", key.clone());
    response
        .metadata_mut()
        .insert("x-token", term.unwrap().into());
    response
}

fn token<T>(request: &Request<T>) -> Option<u64> {
    request
        .extensions()
        .get()
        .map(|term: &Term| term.token().into())
}

async fn unary(request: Request<String>) -> Result<Response<String>, Status> {
    let token = token(&request);
    let (metadata, _, text) = request.into_parts();
    Ok(answer(&metadata, token, said(text)?))
}

async fn client(request: Request<Streaming<String>>) -> Result<Response<String>, Status> {
    let token = token(&request);
    let (metadata, _, mut texts) = request.into_parts();
    let mut all = String::new();
    while let Some(text) = texts.message().await? {
        all += &said(text)?;
    }
    Ok(answer(&metadata, token, all))
}

type Texts = Pin<Box<dyn Stream<Item = Result<String, Status>> + Send>>;

/// One response for each word.
async fn server(request: Request<String>) -> Result<Response<Texts>, Status> {
    let token = token(&request);
    let (metadata, _, text) = request.into_parts();
    let words: Vec<_> = text.split(' ').map(|word| said(word.to_owned())).collect();
    Ok(answer(&metadata, token, stream::iter(words).boxed()))
}

/// One response for each message, as soon as it arrives.
async fn both(request: Request<Streaming<String>>) -> Result<Response<Texts>, Status> {
    let token = token(&request);
    let (metadata, _, texts) = request.into_parts();
    let texts = texts.map(|text| said(text?));
    Ok(answer(&metadata, token, texts.boxed()))
}

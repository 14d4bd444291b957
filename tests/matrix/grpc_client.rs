//! The gRPC client: tonic's, with access to the response that it hides.

use std::{
    future::ready,
    sync::{Arc, Mutex},
};

use ::http::{Response, response::Parts, uri::PathAndQuery};
use futures_util::{Stream, StreamExt, stream};
use http_body_util::BodyExt;
use tonic::{
    Code, Status, Streaming,
    body::Body,
    client::{Grpc, GrpcService},
    metadata::MetadataValue,
    transport::Endpoint,
};
use tonic_prost::ProstCodec;
use tower::{BoxError, ServiceBuilder};

use crate::{
    answer::{Answer, End, Fields, GrpcStatus, fields},
    cell::Protocol,
    desk::{Course, Step},
    order::{MARK, Order},
};

type Codec = ProstCodec<String, String>;

/// The response on the wire.
#[derive(Clone, Default)]
struct Tap(Arc<Mutex<(Option<Parts>, Fields)>>);

impl Tap {
    fn pass(&self, response: Response<Body>) -> Response<Body> {
        let (head, body) = response.into_parts();
        self.0.lock().unwrap().0 = Some(head.clone());
        let tap = self.clone();
        let body = body.map_frame(move |frame| {
            if let Some(trailers) = frame.trailers_ref() {
                tap.0.lock().unwrap().1 = fields(trailers);
            }
            frame
        });
        Response::from_parts(head, Body::new(body))
    }
}

pub(crate) async fn send(order: &Order) -> Answer {
    let tap = Tap::default();
    let channel = Endpoint::from_shared(order.origin.clone()).unwrap();
    let pass = tap.clone();
    let mut client = Grpc::new(
        ServiceBuilder::new()
            .map_response(move |response| pass.pass(response))
            .service(channel.connect_lazy()),
    );
    client.ready().await.unwrap();
    let mut pieces = Vec::new();
    let outcome = call(order, &mut client, &mut pieces).await;

    let (head, trailers) = std::mem::take(&mut *tap.0.lock().unwrap());
    let head = head.unwrap_or_else(|| panic!("an error without a response: {outcome:?}"));
    Answer {
        version: head.version,
        status: head.status.as_u16(),
        headers: fields(&head.headers),
        pieces,
        end: End::Whole(trailers),
        grpc_status: Some(grpc_status(
            &outcome.err().unwrap_or_else(|| Status::ok("")),
        )),
    }
}

async fn call<T>(
    order: &Order,
    client: &mut Grpc<T>,
    pieces: &mut Vec<String>,
) -> Result<(), Status>
where
    T: GrpcService<Body, ResponseBody = Body, Error: Into<BoxError>>,
{
    let (protocol, codec) = (order.protocol, Codec::default());
    let path = PathAndQuery::try_from(format!("/test.Orders/{protocol:?}")).unwrap();
    let one = request(order, "an order".to_owned());
    let many = request(order, messages(order.course.clone()));
    let replies = match protocol {
        Protocol::Unary => {
            pieces.push(client.unary(one, path, codec).await?.into_inner());
            return Ok(());
        }
        Protocol::ClientStreaming => {
            let reply = client.client_streaming(many, path, codec).await?;
            pieces.push(reply.into_inner());
            return Ok(());
        }
        Protocol::ServerStreaming => client.server_streaming(one, path, codec).await?,
        Protocol::Bidi => client.streaming(many, path, codec).await?,
        Protocol::Http1 | Protocol::Http2 => panic!("not gRPC"),
    };
    read(replies.into_inner(), pieces, &order.course).await
}

fn request<T>(order: &Order, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    if order.is_marked {
        let mark = MetadataValue::from_static(MARK);
        request.metadata_mut().insert("noleader-forwarded", mark);
    }
    request
}

/// The second message follows once a handler runs, so that a rejected request is still incomplete.
fn messages(course: Course) -> impl Stream<Item = String> {
    let first = stream::once(ready("one".to_owned()));
    first.chain(stream::once(async move {
        course.until(Step::Begun).await;
        course.until(Step::GoesOn).await;
        "two".to_owned()
    }))
}

async fn read(
    mut replies: Streaming<String>,
    pieces: &mut Vec<String>,
    course: &Course,
) -> Result<(), Status> {
    while let Some(reply) = replies.message().await? {
        pieces.push(reply);
        course.made(Step::Received);
    }
    Ok(())
}

fn grpc_status(status: &Status) -> GrpcStatus {
    let reason = status.metadata().get("noleader-reason");
    GrpcStatus {
        code: status.code().into(),
        message: status.message().to_owned(),
        reason: reason.map(|reason| reason.to_str().unwrap().to_owned()),
    }
}

/// Calls an unknown service, which the server rejects outside of the layer.
pub(crate) async fn ask_ungated(origin: &str) {
    let channel = Endpoint::from_shared(origin.to_owned()).unwrap();
    let mut client = Grpc::new(channel.connect_lazy());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/test.Unknown/Ask");
    let request = tonic::Request::new(String::new());
    let answer = client.unary(request, path, Codec::default()).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
}

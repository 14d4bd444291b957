//! The application as a tonic service, and a tonic client.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use ::http::uri::PathAndQuery;
use futures_util::{
    StreamExt,
    future::{BoxFuture, pending, ready},
    stream::{self, BoxStream},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use noleader::{LeaderOnlyLayer, Term};
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    client,
    server::{self, NamedService},
    transport::{Endpoint, Server as TonicServer, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::{Layer, Service, service_fn, util::MapRequestLayer};

use crate::{
    cluster::{Site, WAIT, soon},
    crowd::{Answer, Front, Order},
    ledger::ID,
    orders::{Orders, SLOW},
    server::Server,
};

pub(crate) const CREATE: &str = "/test.Orders/Create";
pub(crate) const WATCH: &str = "/test.Orders/Watch";
/// Takes a stream of orders, and fails before it reads one.
pub(crate) const IMPORT: &str = "/test.Orders/Import";

/// The service, in place of generated code.
#[derive(Clone)]
pub(crate) struct OrdersService(pub(crate) Orders);

impl NamedService for OrdersService {
    const NAME: &'static str = "test.Orders";
}

impl Service<::http::Request<Body>> for OrdersService {
    type Response = ::http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ::http::Request<Body>) -> Self::Future {
        let orders = self.0.clone();
        Box::pin(async move {
            let mut grpc = server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(match request.uri().path() {
                CREATE => {
                    let create = service_fn(|request| create(&orders, request));
                    grpc.unary(create, request).await
                }
                IMPORT => grpc.client_streaming(service_fn(import), request).await,
                _ => grpc.server_streaming(service_fn(watch), request).await,
            })
        })
    }
}

async fn create(orders: &Orders, request: Request<String>) -> Result<Response<String>, Status> {
    orders.execute(request.metadata().as_ref()).await;
    Ok(Response::new(request.into_inner()))
}

async fn import(_: Request<Streaming<String>>) -> Result<Response<String>, Status> {
    Err(Status::failed_precondition("closed"))
}

type Events = BoxStream<'static, Result<String, Status>>;

/// Sends `open`, and `bye` once the gate has closed, unless the request is slow.
async fn watch(request: Request<String>) -> Result<Response<Events>, Status> {
    let term: &Term = request.extensions().get().unwrap();
    let closing = term.closing();
    let is_slow = request.metadata().contains_key(SLOW);
    let bye = stream::once(async move {
        closing.cancelled().await;
        if is_slow {
            pending::<()>().await;
        }
        "bye"
    });
    let events = stream::once(ready("open")).chain(bye);
    Ok(Response::new(
        events.map(|event| Ok(event.to_owned())).boxed(),
    ))
}

pub(crate) fn forwarding_client() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http()
}

pub(crate) fn serve(site: Site, orders: &Orders) -> Server {
    let gate = LeaderOnlyLayer::new(site.handle)
        .wait_up_to(WAIT)
        .forward(forwarding_client());
    let arrived = site.arrived;
    let record = MapRequestLayer::new(move |request: ::http::Request<Body>| {
        arrived.record(request.headers());
        request
    });
    let server = TonicServer::builder()
        .layer(record)
        .add_service(gate.layer(OrdersService(orders.clone())));
    let incoming = TcpIncoming::from(site.listener);
    Server::spawn(async { server.serve_with_incoming(incoming).await.unwrap() })
}

#[derive(Clone)]
pub(crate) struct Tonic;

impl Front for Tonic {
    async fn send(self, url: String, order: Order) -> Answer {
        let channel = Endpoint::from_shared(url).unwrap().connect_lazy();
        let mut client = client::Grpc::new(channel);
        client.ready().await.unwrap();
        let mut request = Request::new(String::from_utf8(order.body).unwrap());
        request.metadata_mut().insert(ID, order.id.parse().unwrap());
        if order.is_slow {
            request.metadata_mut().insert(SLOW, "yes".parse().unwrap());
        }
        let path = PathAndQuery::from_static(CREATE);
        let codec = ProstCodec::<String, String>::default();
        let response = soon(client.unary(request, path, codec)).await;
        let status = response
            .as_ref()
            .err()
            .cloned()
            .unwrap_or_else(|| Status::ok(""));
        Answer {
            ok: response.is_ok(),
            code: status.code().into(),
            text: response.map_or(status.message().to_owned(), Response::into_inner),
        }
    }
}

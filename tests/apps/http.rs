//! Clients over HTTP.

use ::http::{Method, Request, Response};
use axum::body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::sync::watch;
use tower::{Service, ServiceBuilder};

use crate::{
    cluster::soon,
    crowd::{Answer, Front, Order},
    ledger::ID,
    orders::SLOW,
};

/// A client that counts the calls for which it could not connect.
pub(crate) fn forwarding_client(
    failures: watch::Sender<usize>,
) -> impl Service<Request<Body>, Response = Response<Incoming>, Error = Error, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    ServiceBuilder::new()
        .map_err(move |error: Error| {
            failures.send_modify(|count| *count += usize::from(error.is_connect()));
            error
        })
        .service(client)
}

/// A client that sends requests over HTTP/1.1: a `GET` if there is no body, and a `POST` otherwise.
#[derive(Clone)]
pub(crate) struct Http(Client<HttpConnector, Full<bytes::Bytes>>);

impl Default for Http {
    fn default() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }
}

impl Front for Http {
    async fn send(self, url: String, order: Order) -> Answer {
        let method = if order.body.is_empty() {
            Method::GET
        } else {
            Method::POST
        };
        let mut request = Request::builder()
            .method(method)
            .uri(url + order.path)
            .header(ID, order.id);
        if order.is_slow {
            request = request.header(SLOW, "yes");
        }
        let request = request.body(Full::from(order.body)).unwrap();
        let response = match soon(self.0.request(request)).await {
            Ok(response) => response,
            Err(error) => return Answer::error(format!("{error:?}")),
        };
        let (head, body) = response.into_parts();
        let body = soon(body.collect()).await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answer {
            ok: head.status == 200,
            code: head.status.as_u16().into(),
            text,
        }
    }
}

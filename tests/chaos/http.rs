//! A client for one node.

use std::time::Duration;

use axum::http::{HeaderMap, Method, Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

#[derive(Clone, Debug)]
pub(crate) struct Sender {
    client: Client<HttpConnector, Empty<Bytes>>,
    url: String,
}

impl Sender {
    pub(crate) fn new(url: String) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url,
        }
    }

    /// Sends a request, and reads the whole response. `None` if there is no complete response within `bound`.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        bound: Duration,
    ) -> Option<Response<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.url).parse().unwrap();
        *request.headers_mut() = headers;
        let exchange = async {
            let (head, body) = self.client.request(request).await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Response::from_parts(head, body))
        };
        timeout(bound, exchange).await.ok()?
    }
}

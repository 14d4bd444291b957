//! Writes to every replica, one after the other.

use std::{fmt, sync::Arc, time::Duration};

use axum::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{sync::Mutex, time};

use crate::log::Log;

/// The pause between two writes to one replica.
const PACE: Duration = Duration::from_millis(5);

/// How long a response may take. A paused replica responds once it resumes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Taken(u64),
    Refused { status: u16, reason: String },
    None,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(token) => write!(f, "201 (token {token})"),
            Self::Refused { status, reason } => write!(f, "{status} {reason}"),
            Self::None => f.write_str("no response"),
        }
    }
}

/// Sends requests to one replica.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    client: Client<HttpConnector, Empty<Bytes>>,
    url: String,
    /// Held during each write, so that the traffic to this replica can be paused.
    turn: Arc<Mutex<()>>,
}

impl Sender {
    pub(crate) fn new(url: String) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url,
            turn: Arc::default(),
        }
    }

    /// Writes for as long as the demo runs.
    pub(crate) async fn write_on(self, name: &'static str, log: Log) {
        loop {
            let turn = self.turn.lock().await;
            log.write(name, &self).await;
            drop(turn);
            time::sleep(PACE).await;
        }
    }

    /// Waits for the write in progress, and starts no other while the guard lives.
    pub(crate) async fn hold(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.turn.clone().lock_owned().await
    }

    pub(crate) async fn write(&self) -> Answer {
        let Ok(response) = self.send(Method::POST, "/orders").await else {
            return Answer::None;
        };
        let (status, reason) = (response.status(), response.headers().get("noleader-reason"));
        match (status, response.body().trim().parse()) {
            (StatusCode::CREATED, Ok(token)) => Answer::Taken(token),
            _ => Answer::Refused {
                status: status.as_u16(),
                reason: reason
                    .map_or("", |reason| reason.to_str().unwrap_or("?"))
                    .to_owned(),
            },
        }
    }

    /// Sends a request, and reads the whole response.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
    ) -> anyhow::Result<Response<String>> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .body(Empty::new())?;
        let exchange = async {
            let (head, body) = self.client.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            let text = String::from_utf8_lossy(&body).into_owned();
            anyhow::Ok(Response::from_parts(head, text))
        };
        time::timeout(PATIENCE, exchange).await?
    }
}

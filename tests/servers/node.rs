//! A candidate with an HTTP server on loopback, and a client for it.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::State, routing};
use futures_util::stream;
use http::{Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use noleader::{
    LeaderHandle, LeaderOnlyLayer, Term,
    clock::{Clock, Moment},
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use crate::support::BOUND;

/// The events on all nodes and clients, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(String, Moment)>>>);

impl Log {
    pub(crate) fn add(&self, event: impl Into<String>) {
        let mut events = self.0.lock().unwrap();
        events.push((event.into(), Clock::system().now()));
    }

    pub(crate) fn events(&self) -> Vec<String> {
        let events = self.0.lock().unwrap();
        events.iter().map(|(event, _)| event.clone()).collect()
    }

    pub(crate) fn when(&self, event: &str) -> Moment {
        let events = self.0.lock().unwrap();
        let found = events.iter().find(|(added, _)| added == event);
        found.expect("the event is in the log").1
    }
}

/// The test's end of a response body.
pub(crate) type Writer = mpsc::UnboundedSender<&'static str>;

pub(crate) struct Node {
    pub(crate) handle: LeaderHandle,
    url: String,
    /// One writer for each streamed response.
    writers: mpsc::UnboundedReceiver<Writer>,
}

#[derive(Clone)]
struct App {
    id: String,
    writers: mpsc::UnboundedSender<Writer>,
    log: Log,
}

impl Node {
    /// Serves `/stream`, which responds with what the test writes and rejects while the gate is closed, and
    /// `/next`, which waits for the gate and logs its admission.
    pub(crate) async fn serve(handle: LeaderHandle, log: &Log) -> Self {
        let (writers, receiver) = mpsc::unbounded_channel();
        let gate = LeaderOnlyLayer::new(handle.clone());
        let next = routing::post(next).layer(gate.clone().not_ready());
        let app = Router::new()
            .route("/stream", routing::post(stream_body).layer(gate))
            .route("/next", next)
            .with_state(App {
                id: handle.id().to_owned(),
                writers,
                log: log.clone(),
            });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            handle,
            url,
            writers: receiver,
        }
    }

    /// Starts a streamed response.
    pub(crate) async fn stream(&mut self, version: Version) -> (Writer, Incoming) {
        let (head, body) = post(self.url("/stream"), version).await.into_parts();
        assert_eq!(head.status, 200);
        (self.writers.recv().await.unwrap(), body)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// Sends a request on a new connection, and returns once the head of the response has arrived.
pub(crate) async fn post(url: String, version: Version) -> Response<Incoming> {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        .build_http();
    let request = Request::post(url).body(Body::empty()).unwrap();
    let response = timeout(BOUND, client.request(request)).await;
    let response = response.expect("a response within the bound").unwrap();
    assert_eq!(response.version(), version);
    response
}

async fn stream_body(State(app): State<App>) -> Body {
    let (writer, mut written) = mpsc::unbounded_channel();
    app.writers.send(writer).unwrap();
    Body::from_stream(stream::poll_fn(move |cx| {
        written
            .poll_recv(cx)
            .map(|chunk| chunk.map(Ok::<_, Infallible>))
    }))
}

async fn next(term: Term, State(app): State<App>) -> String {
    app.log.add(format!("{} admitted", app.id));
    term.token().to_string()
}

/// The next chunk of a body as text, or `None` at its end. A truncated body fails the test.
pub(crate) async fn read(body: &mut Incoming) -> Option<String> {
    loop {
        let frame = timeout(BOUND, body.frame())
            .await
            .expect("a frame within the bound");
        let data = frame?.unwrap().into_data().unwrap();
        // HTTP/2 may end a body with an empty frame.
        if !data.is_empty() {
            return Some(String::from_utf8(data.into()).unwrap());
        }
    }
}

//! If a client, follower or leader disconnects, the others notice: no handler keeps running, and no truncated message
//! looks complete.

use std::{
    convert::Infallible,
    future::{Future, pending, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use hyper::body::Incoming;
use noleader::LeaderOnlyLayer;
use tokio::{sync::oneshot, task::JoinHandle};
use tower::{BoxError, Layer, service_fn};

use crate::{
    node::soon,
    servers::{App, PATHS, Pair, Proto, Server, client, listen},
};

/// Held by a handler while it runs.
struct InProgress {
    began: oneshot::Sender<()>,
    ended: oneshot::Sender<Infallible>,
}

/// Tells the test when the handler starts and ends.
struct Watched {
    began: oneshot::Receiver<()>,
    ended: oneshot::Receiver<Infallible>,
}

fn in_progress() -> (InProgress, Watched) {
    let (began, has_begun) = oneshot::channel();
    let (ended, has_ended) = oneshot::channel();
    let watched = Watched {
        began: has_begun,
        ended: has_ended,
    };
    (InProgress { began, ended }, watched)
}

impl InProgress {
    /// Reports the start, and the end when the returned value is dropped.
    fn begin(self) -> oneshot::Sender<Infallible> {
        self.began.send(()).unwrap();
        self.ended
    }
}

impl Watched {
    async fn until_begun(&mut self) {
        soon(&mut self.began).await.unwrap();
    }

    async fn until_ended(self) {
        soon(self.ended).await.unwrap_err();
    }
}

fn once<F>(handle: impl FnOnce(Request<Body>) -> F + Send + 'static) -> impl App<Body>
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let handle = Arc::new(Mutex::new(Some(handle)));
    service_fn(move |request| {
        let handle = handle.lock().unwrap().take().expect("called once");
        let answer = handle(request);
        async { Ok::<_, Infallible>(answer.await) }
    })
}

/// A body that sends one chunk and never ends.
fn endless(held: InProgress) -> Body {
    let first = stream::iter([Ok::<_, BoxError>("first")]);
    let rest = stream::once(async {
        let _held = held.begin();
        pending().await
    });
    Body::from_stream(first.chain(rest))
}

/// A handler that reads the whole body, and sends the result to `read`.
fn reads(held: InProgress, read: oneshot::Sender<Result<(), axum::Error>>) -> impl App<Body> {
    once(async move |mut request| {
        request.frame().await.unwrap().unwrap();
        let _held = held.begin();
        let rest = request.into_body().collect().await;
        let _ = read.send(rest.map(drop));
        Response::default()
    })
}

type Call = JoinHandle<Result<Response<Incoming>, hyper_util::client::legacy::Error>>;

fn post(front: Proto, url: &str, body: Body) -> Call {
    let request = Request::post(url).body(body).unwrap();
    tokio::spawn(client(front).request(request))
}

/// A request whose body has started and not ended.
async fn upload(front: Proto, url: &str) -> (Sender<Bytes, BoxError>, Call) {
    let (mut chunks, body) = Channel::new(1);
    let call = post(front, url, Body::new(body));
    chunks.send_data("first".into()).await.unwrap();
    (chunks, call)
}

/// A response whose body has started and not ended.
async fn download(pair: &Pair, front: Proto) -> Response<Incoming> {
    let call = post(front, &pair.at_follower.url, Body::from("order"));
    let mut answer = soon(call).await.unwrap().unwrap();
    soon(answer.frame()).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn a_disconnect_before_the_response_drops_the_handler() {
    for (front, back) in PATHS {
        let (held, mut watched) = in_progress();
        let app = once(async |_| {
            let _held = held.begin();
            pending().await
        });
        let pair = Pair::start(back, app).await;
        let call = post(front, &pair.at_follower.url, Body::from("order"));
        watched.until_begun().await;
        call.abort();
        watched.until_ended().await;
    }
}

#[tokio::test]
async fn a_disconnect_during_the_response_drops_its_body() {
    for (front, back) in PATHS {
        let (held, watched) = in_progress();
        let app = once(|_| ready(Response::new(endless(held))));
        let pair = Pair::start(back, app).await;
        drop(download(&pair, front).await);
        watched.until_ended().await;
    }
}

#[tokio::test]
async fn a_disconnect_during_the_request_truncates_it() {
    for (front, back) in PATHS {
        let (held, mut watched) = in_progress();
        let (read, has_read) = oneshot::channel();
        let pair = Pair::start(back, reads(held, read)).await;
        let (_chunks, call) = upload(front, &pair.at_follower.url).await;
        watched.until_begun().await;
        call.abort();
        watched.until_ended().await;
        // The channel is closed if the handler was dropped before it read the end.
        assert!(!matches!(has_read.await, Ok(Ok(()))), "{front:?} {back:?}");
    }
}

/// Dropping a server drops its connections, as a shutdown that is not graceful does.
#[tokio::test]
async fn a_follower_that_stops_truncates_the_request() {
    for (front, back) in PATHS {
        let (held, mut watched) = in_progress();
        let (read, has_read) = oneshot::channel();
        let mut pair = Pair::start(back, reads(held, read)).await;
        let (_chunks, _call) = upload(front, &pair.at_follower.url).await;
        watched.until_begun().await;
        pair.at_follower = Server::start(listen().0, once(|_| pending()));
        watched.until_ended().await;
        assert!(!matches!(has_read.await, Ok(Ok(()))), "{front:?} {back:?}");
    }
}

#[tokio::test]
async fn a_leader_that_stops_truncates_the_response() {
    for (front, back) in PATHS {
        let (held, _watched) = in_progress();
        let app = once(|_| ready(Response::new(endless(held))));
        let mut pair = Pair::start(back, app).await;
        let mut answer = download(&pair, front).await;
        pair.at_leader = Server::start(listen().0, once(|_| pending()));
        let end = soon(answer.frame()).await;
        assert!(matches!(end, Some(Err(_))), "{front:?} {back:?} {end:?}");
    }
}

/// The rest of the request does not reach the leader, although the client continues to send.
#[tokio::test]
async fn a_timeout_truncates_the_request() {
    let limit = Duration::from_secs(2);
    for (front, back) in PATHS {
        let (held, mut watched) = in_progress();
        let (read, has_read) = oneshot::channel();
        let pair = Pair::start(back, reads(held, read)).await;
        let layer = LeaderOnlyLayer::new(pair.follower.handle.clone())
            .forward(client::<Body>(back))
            .forward_timeout(limit);
        let follower = Server::start(listen().0, layer.layer(once(|_| pending())));

        let (_chunks, call) = upload(front, &follower.url).await;
        watched.until_begun().await;
        pair.follower.advance(limit).await;
        let answer = soon(call).await.unwrap().unwrap();
        assert_eq!(answer.status(), 504);
        watched.until_ended().await;
        assert!(!matches!(has_read.await, Ok(Ok(()))), "{front:?} {back:?}");
    }
}

//! Whoever goes away, the others notice: nothing is left running, and nothing that was cut off looks whole.

use std::{
    convert::Infallible,
    future::{Future, pending, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
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

/// What a handler holds for as long as it runs.
struct UnderWay {
    began: oneshot::Sender<()>,
    ended: oneshot::Sender<Infallible>,
}

/// What the test sees of it.
struct Watched {
    began: oneshot::Receiver<()>,
    ended: oneshot::Receiver<Infallible>,
}

fn under_way() -> (UnderWay, Watched) {
    let (began, has_begun) = oneshot::channel();
    let (ended, has_ended) = oneshot::channel();
    let watched = Watched {
        began: has_begun,
        ended: has_ended,
    };
    (UnderWay { began, ended }, watched)
}

impl UnderWay {
    /// Begins, and goes on until what is returned is dropped.
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

/// A handler that is called once.
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

/// A body that begins with a chunk and does not end, until it is dropped.
fn endless(held: UnderWay) -> Body {
    let first = stream::iter([Ok::<_, BoxError>("first")]);
    let rest = stream::once(async {
        let _held = held.begin();
        pending().await
    });
    Body::from_stream(first.chain(rest))
}

/// A handler that reads one chunk, and then as long as there are more. How that ended is sent to `read`.
fn reads(held: UnderWay, read: oneshot::Sender<Result<(), axum::Error>>) -> impl App<Body> {
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

/// The beginning of a request whose body has not ended.
async fn upload(front: Proto, url: &str) -> (Sender<Bytes, BoxError>, Call) {
    let (mut chunks, body) = Channel::new(1);
    let call = post(front, url, Body::new(body));
    chunks.send_data("first".into()).await.unwrap();
    (chunks, call)
}

/// A response whose body has begun and not ended.
async fn download(pair: &Pair, front: Proto) -> Response<Incoming> {
    let call = post(front, &pair.at_follower.url, Body::from("order"));
    let mut answer = soon(call).await.unwrap().unwrap();
    soon(answer.frame()).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_ends_the_handler() {
    for (front, back) in PATHS {
        let (held, mut watched) = under_way();
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
async fn a_client_that_leaves_within_the_answer_ends_it() {
    for (front, back) in PATHS {
        let (held, watched) = under_way();
        let app = once(|_| ready(Response::new(endless(held))));
        let pair = Pair::start(back, app).await;
        drop(download(&pair, front).await);
        watched.until_ended().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_within_its_request_breaks_it_off() {
    for (front, back) in PATHS {
        let (held, mut watched) = under_way();
        let (read, has_read) = oneshot::channel();
        let pair = Pair::start(back, reads(held, read)).await;
        let (_chunks, call) = upload(front, &pair.at_follower.url).await;
        watched.until_begun().await;
        call.abort();
        watched.until_ended().await;
        // A handler that was dropped has read no end, either.
        assert!(!matches!(has_read.await, Ok(Ok(()))), "{front:?} {back:?}");
    }
}

/// With a server that drops its connections, as one that is shut down in haste.
#[tokio::test]
async fn a_follower_that_leaves_within_a_request_breaks_it_off() {
    for (front, back) in PATHS {
        let (held, mut watched) = under_way();
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
async fn a_leader_that_leaves_within_its_answer_breaks_it_off() {
    for (front, back) in PATHS {
        let (held, _watched) = under_way();
        let app = once(|_| ready(Response::new(endless(held))));
        let mut pair = Pair::start(back, app).await;
        let mut answer = download(&pair, front).await;
        pair.at_leader = Server::start(listen().0, once(|_| pending()));
        let end = soon(answer.frame()).await;
        assert!(matches!(end, Some(Err(_))), "{front:?} {back:?} {end:?}");
    }
}

/// What is left of it does not go on to the leader, although the client goes on.
#[tokio::test]
async fn what_takes_too_long_is_broken_off() {
    // At once, as each takes its time.
    join_all(PATHS.map(|(front, back)| async move {
        let (held, mut watched) = under_way();
        let (read, has_read) = oneshot::channel();
        let pair = Pair::start(back, reads(held, read)).await;
        let layer = LeaderOnlyLayer::new(pair.follower.handle.clone())
            .forward(client(back))
            .forward_timeout(Duration::from_secs(2));
        let follower = Server::start(listen().0, layer.layer(once(|_| pending())));

        let (_chunks, call) = upload(front, &follower.url).await;
        watched.until_begun().await;
        let answer = soon(call).await.unwrap().unwrap();
        assert_eq!(answer.status(), 504);
        watched.until_ended().await;
        assert!(!matches!(has_read.await, Ok(Ok(()))), "{front:?} {back:?}");
    }))
    .await;
}

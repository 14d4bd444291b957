//! Bodies are streamed in both directions, no faster than they are read.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{future, stream};
use http::{Request, Response};
use http_body_util::{BodyExt, channel::Channel};
use tokio::{sync::Notify, time::sleep};
use tower::{BoxError, service_fn};

use crate::{
    node::soon,
    servers::{PATHS, Pair, client},
};

/// The client sends each chunk after the leader has returned the previous one.
#[tokio::test]
async fn chunks_are_forwarded_one_by_one() {
    for (front, back) in PATHS {
        let echo = service_fn(|request: Request<Body>| {
            ready(Ok::<_, Infallible>(Response::new(request.into_body())))
        });
        let pair = Pair::start(back, echo).await;
        let (mut chunks, body) = Channel::<Bytes, BoxError>::new(1);
        let request = Request::post(pair.url("/")).body(Body::new(body)).unwrap();
        let mut answer = soon(client(front).request(request)).await.unwrap();
        for chunk in ["first", "second", "last"] {
            chunks.send_data(chunk.into()).await.unwrap();
            let frame = soon(answer.frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), chunk, "{front:?} {back:?}");
        }
        drop(chunks);
        let rest = soon(answer.collect()).await.unwrap();
        assert!(rest.to_bytes().is_empty(), "{front:?} {back:?}");
    }
}

const CHUNK: usize = 16 * 1024;
const CHUNKS: usize = 2048;
/// More than all sockets, windows and buffers hold, and less than the whole body.
const BOUND: usize = CHUNK * CHUNKS / 2;

/// A body that counts the bytes that are read from it.
fn counted(taken: &Arc<AtomicUsize>) -> Body {
    let taken = taken.clone();
    Body::from_stream(stream::iter((0..CHUNKS).map(move |_| {
        taken.fetch_add(CHUNK, Ordering::SeqCst);
        Ok::<_, Infallible>(Bytes::from_static(&[b'x'; CHUNK]))
    })))
}

/// Waits until no more bytes are read. There is no event for that.
async fn until_still(taken: &AtomicUsize) -> usize {
    loop {
        let before = taken.load(Ordering::SeqCst);
        sleep(Duration::from_millis(100)).await;
        if before > 0 && taken.load(Ordering::SeqCst) == before {
            return before;
        }
    }
}

async fn length(body: impl http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Unpin) -> usize {
    let (mut body, mut length) = (body, 0);
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().into_data().unwrap().len();
    }
    length
}

#[tokio::test]
async fn a_slow_leader_slows_the_client() {
    for (front, back) in PATHS {
        let read = Arc::new(Notify::new());
        let app = {
            let read = read.clone();
            service_fn(move |request: Request<Body>| {
                let read = read.clone();
                async move {
                    read.notified().await;
                    let length = length(request.into_body()).await;
                    Ok::<_, Infallible>(Response::new(Body::from(length.to_string())))
                }
            })
        };
        let pair = Pair::start(back, app).await;
        let taken = Arc::default();
        let request = Request::post(pair.url("/")).body(counted(&taken)).unwrap();
        let answer = tokio::spawn(client(front).request(request));
        let taken = soon(until_still(&taken)).await;
        assert!(taken < BOUND, "{taken} {front:?} {back:?}");

        read.notify_one();
        let answer = soon(answer).await.unwrap().unwrap();
        let length = soon(answer.into_body().collect()).await.unwrap().to_bytes();
        assert_eq!(length, (CHUNK * CHUNKS).to_string());
    }
}

#[tokio::test]
async fn a_slow_client_slows_the_leader() {
    for (front, back) in PATHS {
        let taken = Arc::<AtomicUsize>::default();
        let app = {
            let taken = taken.clone();
            service_fn(move |_: Request<Body>| {
                ready(Ok::<_, Infallible>(Response::new(counted(&taken))))
            })
        };
        let pair = Pair::start(back, app).await;
        let request = Request::get(pair.url("/")).body(Body::empty()).unwrap();
        let answer = soon(client(front).request(request)).await.unwrap();
        let taken = soon(until_still(&taken)).await;
        assert!(taken < BOUND, "{taken} {front:?} {back:?}");
        assert_eq!(soon(length(answer.into_body())).await, CHUNK * CHUNKS);
    }
}

#[tokio::test]
async fn slow_clients_do_not_block_others() {
    for (front, back) in PATHS {
        let taken = Arc::<AtomicUsize>::default();
        let app = {
            let taken = taken.clone();
            service_fn(move |request: Request<Body>| {
                let body = match request.uri().path() {
                    "/large" => counted(&taken),
                    _ => Body::from("small"),
                };
                ready(Ok::<_, Infallible>(Response::new(body)))
            })
        };
        let pair = Pair::start(back, app).await;
        let get = |path| {
            let request = Request::get(pair.url(path)).body(Body::empty()).unwrap();
            soon(client(front).request(request))
        };
        let unread = future::try_join_all([(); 8].map(|()| get("/large"))).await;
        soon(until_still(&taken)).await;
        let small = soon(get("/small").await.unwrap().into_body().collect()).await;
        assert_eq!(small.unwrap().to_bytes(), "small", "{front:?} {back:?}");
        drop(unread);
    }
}

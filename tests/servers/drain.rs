//! An admission lasts until the end of the response body, on real sockets: until the client has received all of
//! a streamed response, no other node admits a request.

use std::time::Duration;

use async_nats::jetstream::{self, kv};
use futures_util::StreamExt;
use http::Version;
use hyper::body::Incoming;
use noleader::{Builder, FencingToken, ReleaseError, Status, Term, clock::Clock};
use noleader_fixture::Server;
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    node::{Log, Node, Writer, post, read},
    support::{BOUND, candidate, elected, follows, start, until},
};

/// How the leader gives up its lease.
#[derive(Clone, Copy)]
enum Leave {
    StepDown,
    Shutdown,
}

type Left = JoinHandle<Result<(), ReleaseError>>;

/// The leader `a` in the middle of a response, and the follower `b` with a request that waits for its gate.
struct Scene {
    a: Node,
    b: Node,
    term: Term,
    /// Taken when the test ends the body.
    writer: Option<Writer>,
    body: Incoming,
    /// The response to the first request that `b` admits: the token of its term.
    next: JoinHandle<Option<String>>,
    log: Log,
    server: Server,
}

impl Scene {
    async fn open(version: Version, drain_timeout: Duration) -> Self {
        let (server, log) = (Server::start().await.unwrap(), Log::default());
        let a = start(&server, patient("a").drain_timeout(drain_timeout)).await;
        let term = elected(&a).await;
        let b = start(&server, patient("b")).await;
        follows(&b, "a").await;
        let (mut a, b) = (Node::serve(a, &log).await, Node::serve(b, &log).await);

        let (writer, body) = a.stream(version).await;
        let next = post(b.url("/next"), version);
        let next = tokio::spawn(async move { read(next.await.body_mut()).await });
        Self {
            a,
            b,
            term,
            writer: Some(writer),
            body,
            next,
            log,
            server,
        }
    }

    /// Sends a chunk, and logs that the client has received it.
    async fn pass(&mut self, chunk: &'static str) {
        self.writer.as_ref().unwrap().send(chunk).unwrap();
        assert_eq!(read(&mut self.body).await.unwrap(), chunk);
        self.log.add(format!("got {chunk}"));
    }

    /// Starts the hand-over, and returns once the leader waits for the response.
    async fn leave(&self, how: Leave) -> Left {
        let handle = self.a.handle.clone();
        let left = tokio::spawn(async move {
            match how {
                Leave::StepDown => handle.step_down().await,
                Leave::Shutdown => handle.shutdown().await,
            }
        });
        until(&self.a.handle, |status| *status == Status::Draining).await;
        assert_eq!(self.a.handle.draining(), 1);
        left
    }

    fn check_draining(&self, left: &Left) {
        assert_eq!(self.a.handle.status(), Status::Draining);
        assert_eq!(self.a.handle.draining(), 1);
        assert!(!self.a.handle.is_leader() && !self.b.handle.is_leader());
        assert!(self.term.is_current() && !left.is_finished());
    }

    /// Waits until the hand-over is complete.
    async fn check_left(&self, left: Left, how: Leave) {
        timeout(BOUND, left).await.unwrap().unwrap().unwrap();
        match how {
            Leave::StepDown => follows(&self.a.handle, "b").await,
            Leave::Shutdown => {
                until(&self.a.handle, |status| *status == Status::Stopped).await;
            }
        }
    }

    /// Watches the key.
    async fn key(&self) -> kv::Watch {
        let jetstream = jetstream::new(self.server.client().await.unwrap());
        let bucket = jetstream.get_key_value("elections").await.unwrap();
        bucket.watch("writer").await.unwrap()
    }

    /// Waits until `b` has admitted a request, and checks its term.
    async fn check_next(&mut self) {
        let token = timeout(BOUND, &mut self.next)
            .await
            .expect("`b` admits the request within the bound");
        let token: FencingToken = token.unwrap().unwrap().parse().unwrap();
        assert_eq!(token, self.b.handle.term().unwrap().token());
        assert!(token > self.term.token());
        assert!(!self.term.is_current());
    }
}

/// A candidate whose lease does not expire within the test, so that only a release lets another node lead. It
/// renews often, so that each renewal is seen.
fn patient(id: &str) -> Builder {
    candidate(id)
        .lease(BOUND * 5)
        .renew_every(Duration::from_millis(300))
        .dangerous_trust_absent_key(true)
}

/// Waits for a write to the key, and returns the holder that it names, or `none`.
async fn written(key: &mut kv::Watch) -> String {
    let entry = timeout(BOUND, key.next())
        .await
        .expect("a write within the bound");
    let record: serde_json::Value = serde_json::from_slice(&entry.unwrap().unwrap().value).unwrap();
    record["holder"].as_str().unwrap_or("none").to_owned()
}

/// The response is complete, and no other node admits a request before its end, however long it takes.
async fn a_response_ends_before_the_next_admission(version: Version, how: Leave) {
    let mut scene = Scene::open(version, BOUND * 5).await;
    scene.pass("one").await;
    let mut key = scene.key().await;
    let left = scene.leave(how).await;
    for chunk in ["two", "three", "last"] {
        // A renewal by `a`, after enough time for `b` to take a lease that was released too early.
        assert_eq!(written(&mut key).await, "a");
        scene.check_draining(&left);
        scene.pass(chunk).await;
    }
    // The client has all bytes, but the body ends only when the writer is dropped.
    assert_eq!(written(&mut key).await, "a");
    scene.check_draining(&left);
    let refused = post(scene.b.url("/stream"), version).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["noleader-reason"], "not_leader");

    scene.writer = None;
    assert_eq!(read(&mut scene.body).await, None);
    scene.check_left(left, how).await;
    scene.check_next().await;
    assert_eq!(scene.a.handle.draining(), 0);
    let order = ["got one", "got two", "got three", "got last", "b admitted"];
    assert_eq!(scene.log.events(), order);
}

/// An endless response delays the next admission by the drain timeout, and continues afterwards.
async fn an_endless_response_delays_by_the_drain_timeout(version: Version, how: Leave) {
    let drain_timeout = Duration::from_secs(2);
    let mut scene = Scene::open(version, drain_timeout).await;
    scene.pass("one").await;
    let begin = Clock::system().now();
    let left = scene.leave(how).await;
    scene.check_left(left, how).await;
    scene.check_next().await;
    let waited = scene.log.when("b admitted").saturating_since(begin);
    assert!(waited >= drain_timeout, "{waited:?}");

    assert_eq!(scene.a.handle.draining(), 1);
    scene.pass("two").await;
    assert_eq!(scene.log.events(), ["got one", "b admitted", "got two"]);
}

#[tokio::test]
async fn http_1_response_delays_a_step_down() {
    a_response_ends_before_the_next_admission(Version::HTTP_11, Leave::StepDown).await;
}

#[tokio::test]
async fn http_2_response_delays_a_step_down() {
    a_response_ends_before_the_next_admission(Version::HTTP_2, Leave::StepDown).await;
}

#[tokio::test]
async fn http_1_response_delays_a_shutdown() {
    a_response_ends_before_the_next_admission(Version::HTTP_11, Leave::Shutdown).await;
}

#[tokio::test]
async fn http_2_response_delays_a_shutdown() {
    a_response_ends_before_the_next_admission(Version::HTTP_2, Leave::Shutdown).await;
}

#[tokio::test]
async fn drain_timeout_ends_step_down_over_http_1() {
    an_endless_response_delays_by_the_drain_timeout(Version::HTTP_11, Leave::StepDown).await;
}

#[tokio::test]
async fn drain_timeout_ends_shutdown_over_http_2() {
    an_endless_response_delays_by_the_drain_timeout(Version::HTTP_2, Leave::Shutdown).await;
}

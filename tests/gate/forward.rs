//! What a follower forwards to the leader, what it returns, and what it rejects itself.

use std::{
    convert::Infallible,
    error::Error,
    future::{Pending, pending, ready},
    io,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use noleader::{LeaderOnlyLayer, middleware::ResponseBody};
use tokio_test::{assert_pending, task};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

use crate::node::{LEASE, Node, settle, soon};

/// What another node adds to a request that it forwards.
const MARK: &str = "memory/leader 1 f 0";
const LEADER: &str = "http://leader.example:8080/base";

/// The requests with which a client was called.
type Sent = Arc<Mutex<Vec<Request<Body>>>>;
type Answer = Response<ResponseBody<Body>>;

/// A client that records each request, and returns a 201.
fn client(
    sent: &Sent,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ use<> {
    let sent = sent.clone();
    service_fn(move |request| {
        sent.lock().unwrap().push(request);
        let response = Response::builder()
            .status(201)
            .version(Version::HTTP_2)
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("x-kept", "1")
            .body(Body::from("created"));
        ready(Ok(response.unwrap()))
    })
}

fn here() -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send {
    service_fn(|_| ready(Ok(Response::new(Body::from("here")))))
}

async fn send<C>(node: &Node, client: C, request: Request<Body>) -> Answer
where
    C: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
{
    let layer = LeaderOnlyLayer::new(node.handle.clone()).forward(client);
    layer.layer(here()).oneshot(request).await.unwrap()
}

fn post(uri: &str) -> Request<Body> {
    Request::post(uri).body(Body::from("order")).unwrap()
}

fn grpc() -> Request<Body> {
    let request = Request::post("/orders.Orders/Create");
    let request = request.header("content-type", "application/grpc");
    request.body(Body::from("frame")).unwrap()
}

async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn is_rejected(answer: &Answer, sent: &Sent, reason: &str) {
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["noleader-reason"], reason);
    assert!(sent.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_is_forwarded_and_its_response_returned() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let sent = Sent::default();
    let mut request = post("/orders/7?full=yes");
    *request.version_mut() = Version::HTTP_2;
    let answer = send(&follower, client(&sent), request).await;

    assert_eq!(
        (answer.status(), answer.version()),
        (201.try_into().unwrap(), Version::HTTP_11)
    );
    assert_eq!(answer.headers().len(), 1);
    assert_eq!(answer.headers()["x-kept"], "1");
    assert_eq!(text(answer).await, "created");

    let request = sent.lock().unwrap().pop().unwrap();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(
        request.uri(),
        "http://leader.example:8080/base/orders/7?full=yes"
    );
    assert_eq!(request.version(), Version::HTTP_11);
    assert_eq!(request.headers().len(), 2);
    assert_eq!(request.headers()["host"], "leader.example:8080");
    let mark = request.headers()["noleader-forwarded"].to_str().unwrap();
    assert!(mark.starts_with("memory/leader 1 "), "{mark}");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "order");
}

#[tokio::test(start_paused = true)]
async fn the_leader_serves_the_request_itself() {
    let leader = Node::leader().await;
    let sent = Sent::default();
    let mut marked = post("/orders");
    marked
        .headers_mut()
        .insert("noleader-forwarded", MARK.parse().unwrap());
    for request in [post("/orders"), marked] {
        assert_eq!(
            text(send(&leader, client(&sent), request).await).await,
            "here"
        );
    }
    assert!(sent.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn ungated_requests_are_not_forwarded() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let sent = Sent::default();
    let layer = LeaderOnlyLayer::new(follower.handle.clone())
        .forward(client(&sent))
        .writes_only();
    let get = Request::get("/orders").body(Body::empty()).unwrap();
    assert_eq!(
        text(layer.layer(here()).oneshot(get).await.unwrap()).await,
        "here"
    );
    assert!(sent.lock().unwrap().is_empty());
}

/// Vault#6881, LiteFS: forwarding loops.
#[tokio::test(start_paused = true)]
async fn a_forwarded_request_is_not_forwarded_again() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let sent = Sent::default();
    for mark in [MARK, "memory/leader 200 f 9", "memory/leader 0 x 0"] {
        let mut request = post("/orders");
        request
            .headers_mut()
            .insert("noleader-forwarded", mark.parse().unwrap());
        let answer = send(&follower, client(&sent), request).await;
        is_rejected(&answer, &sent, "not_leader");
    }
}

#[tokio::test(start_paused = true)]
async fn a_forwarded_request_is_not_redirected() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let mut request = post("/orders");
    request
        .headers_mut()
        .insert("noleader-forwarded", MARK.parse().unwrap());
    let layer = LeaderOnlyLayer::new(follower.handle.clone()).redirect();
    let answer = layer.layer(here()).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(!answer.headers().contains_key("location"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_forwarded_to_an_unusable_address() {
    let sent = Sent::default();
    for address in [
        "leader.example:8080",
        "/orders",
        "nats://leader.example",
        "http://user:secret@leader.example",
        "http://leader.example/\r\nx: y",
        "http://leader.example:99999",
        &format!("http://leader.example/{}", "x".repeat(1024)),
    ] {
        let follower = Node::follower_of(Some(address)).await;
        let answer = send(&follower, client(&sent), post("/orders")).await;
        is_rejected(&answer, &sent, "not_leader");
    }
    let follower = Node::follower_of(None).await;
    is_rejected(
        &send(&follower, client(&sent), post("/")).await,
        &sent,
        "not_leader",
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_forwarded_to_this_node() {
    for own in ["http://leader.example:8080", "http://LEADER.example.:8080"] {
        let leader = Node::join("a", &Default::default(), &Default::default(), |builder| {
            builder.dangerous_trust_absent_key(true).address(LEADER)
        })
        .await;
        let follower = Node::join("b", &leader.store, &leader.clock, |b| b.address(own)).await;
        assert_eq!(follower.handle.leader().unwrap().address(), Some(LEADER));
        let sent = Sent::default();
        let answer = send(&follower, client(&sent), post("/orders")).await;
        is_rejected(&answer, &sent, "not_leader");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_path_are_not_forwarded() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let sent = Sent::default();
    for (method, uri) in [
        (Method::CONNECT, "host.example:443"),
        (Method::CONNECT, "/websocket"),
        (Method::OPTIONS, "*"),
    ] {
        let request = Request::builder().method(method).uri(uri);
        let request = request.body(Body::empty()).unwrap();
        is_rejected(
            &send(&follower, client(&sent), request).await,
            &sent,
            "not_leader",
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_leader_a_request_is_rejected() {
    let (warming, _end) = Node::warming().await;
    let (draining, _admission, _stepped_down) = Node::draining().await;
    let sent = Sent::default();
    for (node, reason) in [
        (Node::follower().await, "no_leader"),
        (warming, "warming"),
        (draining, "draining"),
        (Node::stopped().await, "stopped"),
    ] {
        let answer = send(&node, client(&sent), post("/orders")).await;
        is_rejected(&answer, &sent, reason);
    }
}

fn failing(
    kind: io::ErrorKind,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send> + Clone
{
    service_fn(move |_| ready(Err(io::Error::from(kind).into())))
}

fn slow() -> impl Service<
    Request<Body>,
    Response = Response<Body>,
    Error = BoxError,
    Future = Pending<Result<Response<Body>, BoxError>>,
> + Clone {
    service_fn(|_| pending())
}

#[track_caller]
fn failed(answer: &Answer, status: u16, reason: &str, may_be_repeated: bool) {
    let headers = answer.headers();
    assert_eq!(answer.status(), status);
    assert_eq!(headers["noleader-reason"], reason);
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers.contains_key("retry-after"), may_be_repeated);
    assert!(!headers.contains_key("noleader-leader"));
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_leader_is_a_502() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let client = failing(io::ErrorKind::ConnectionRefused);
    let answer = send(&follower, client.clone(), post("/orders")).await;
    failed(&answer, 502, "unreachable", true);
    let said = "could not reach the leader; the request was not executed\n";
    assert_eq!(text(answer).await, said);

    let answer = send(&follower, client, grpc()).await;
    assert_eq!(
        (answer.status(), &answer.headers()["grpc-status"]),
        (200.try_into().unwrap(), &"14".parse().unwrap())
    );
    assert_eq!(answer.headers()["noleader-reason"], "unreachable");
    assert!(answer.headers().contains_key("grpc-retry-pushback-ms"));
}

/// etcd#18424: one code for "not executed" and for "maybe executed".
#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_a_502_lost() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let client = failing(io::ErrorKind::ConnectionReset);
    let answer = send(&follower, client.clone(), post("/orders")).await;
    failed(&answer, 502, "lost", false);
    assert!(text(answer).await.ends_with("may have been executed\n"));

    let answer = send(&follower, client, grpc()).await;
    assert_eq!(answer.headers()["grpc-status"], "10");
    assert!(!answer.headers().contains_key("grpc-retry-pushback-ms"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_poll_ready_counts_as_unreachable() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let (client, mut handle) = mock::pair::<Request<Body>, Response<Body>>();
    handle.send_error("no more");
    let answer = send(&follower, client, post("/orders")).await;
    failed(&answer, 502, "unreachable", true);
}

#[tokio::test(start_paused = true)]
async fn the_client_is_called_when_it_is_ready() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let (client, mut leader) = mock::pair::<Request<Body>, Response<Body>>();
    leader.allow(0);
    let mut answer = task::spawn(send(&follower, client, post("/orders")));
    assert_pending!(answer.poll());
    leader.allow(1);
    assert!(answer.is_woken());
    assert_pending!(answer.poll());
    let (_, response) = soon(leader.next_request()).await.unwrap();
    response.send_response(Response::new(Body::from("created")));
    assert_eq!(text(soon(answer).await).await, "created");
}

/// Awaits a future, and checks that it takes this long on the node's clock.
async fn after<F: Future>(node: &Node, takes: Duration, future: F) -> F::Output {
    let (tick, mut future) = (Duration::from_nanos(1), task::spawn(future));
    assert!(future.poll().is_pending());
    node.advance(takes - tick).await;
    assert!(future.poll().is_pending());
    node.advance(tick).await;
    assert!(future.is_woken());
    soon(future).await
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_exceeds_the_limit_is_504() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let answer = send(&follower, slow(), post("/orders"));
    let answer = after(&follower, Duration::from_secs(30), answer).await;
    failed(&answer, 504, "timeout", false);
    assert!(text(answer).await.ends_with("may have been executed\n"));
}

#[tokio::test(start_paused = true)]
async fn forward_timeout_combines_with_other_settings() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let limit = Duration::from_secs(1);
    let layer = LeaderOnlyLayer::new(follower.handle.clone())
        .forward(slow())
        .forward_timeout(limit)
        .wait_up_to(LEASE)
        .cancel_on_loss();
    let later = LeaderOnlyLayer::new(follower.handle.clone())
        .wait_up_to(LEASE)
        .cancel_on_loss()
        .forward(slow())
        .forward_timeout(limit);
    for layer in [layer, later] {
        let answer = layer.layer(here()).oneshot(grpc());
        let answer = after(&follower, limit, answer).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "4");
        assert_eq!(answer.headers()["noleader-reason"], "timeout");
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_has_no_default_time_limit() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let mut answer = task::spawn(send(&follower, slow(), grpc()));
    assert_pending!(answer.poll());
    follower.advance(Duration::from_secs(86_400)).await;
    assert_pending!(answer.poll());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_response_cancels_the_call() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let in_progress = Arc::new(());
    let client = {
        let in_progress = in_progress.clone();
        service_fn(move |_| {
            let in_progress = in_progress.clone();
            async move {
                let response: Result<Response<Body>, Infallible> = pending().await;
                drop(in_progress);
                response
            }
        })
    };
    let mut answer = task::spawn(send(&follower, client.clone(), post("/orders")));
    let before = Arc::strong_count(&in_progress);
    assert_pending!(answer.poll());
    assert!(Arc::strong_count(&in_progress) > before);
    drop(answer);
    drop(client);
    assert_eq!(Arc::strong_count(&in_progress), 1);
}

#[tokio::test(start_paused = true)]
async fn reveal_leader_applies_to_a_502() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let layer = LeaderOnlyLayer::new(follower.handle.clone())
        .forward(failing(io::ErrorKind::ConnectionRefused))
        .reveal_leader(true);
    let answer = layer.layer(here()).oneshot(post("/orders")).await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.headers()["noleader-leader"], "x");
    assert_eq!(answer.headers()["noleader-leader-address"], LEADER);
}

#[tokio::test(start_paused = true)]
async fn a_101_of_the_leader_is_not_returned() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let client = service_fn(|_| {
        let response = Response::builder().status(101).body(Body::empty());
        ready(Ok::<_, Infallible>(response.unwrap()))
    });
    failed(
        &send(&follower, client, post("/orders")).await,
        502,
        "lost",
        false,
    );
}

#[tokio::test(start_paused = true)]
async fn trailers_are_forwarded_in_both_directions() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let trailers = |value: &'static str| {
        HeaderMap::from_iter([("x-sum".parse().unwrap(), value.parse().unwrap())])
    };
    let with_trailers = move |value| {
        let trailers = async move { Some(Ok(trailers(value))) };
        Body::new(
            Full::from("data")
                .with_trailers(trailers)
                .map_err(|never| match never {}),
        )
    };
    let client = service_fn(move |request: Request<Body>| async move {
        let body = request.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-sum"], "of the request");
        Ok::<_, Infallible>(Response::new(with_trailers("of the response")))
    });
    let request = Request::post("/")
        .body(with_trailers("of the request"))
        .unwrap();
    let answer = send(&follower, client, request).await;
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "of the response");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_leaders_body_is_returned() {
    let follower = Node::follower_of(Some(LEADER)).await;
    let client = service_fn(|_| {
        let body = Body::from_stream(half_a_stream());
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let answer = send(&follower, client, post("/orders")).await;
    let error: BoxError = answer.into_body().collect().await.unwrap_err();
    let mut cause: &dyn Error = &*error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    assert!(cause.to_string().contains("broken"), "{cause}");
}

fn half_a_stream() -> impl futures_util::Stream<Item = Result<&'static str, io::Error>> {
    futures_util::stream::iter([
        Ok("half"),
        Err(io::Error::new(io::ErrorKind::BrokenPipe, "broken")),
    ])
}

#[tokio::test(start_paused = true)]
async fn an_observer_forwards() {
    let leader = Node::join("a", &Default::default(), &Default::default(), |builder| {
        builder.dangerous_trust_absent_key(true).address(LEADER)
    })
    .await;
    let observer = Node::join("o", &leader.store, &leader.clock, |builder| {
        builder.observe()
    })
    .await;
    settle().await;
    let sent = Sent::default();
    let answer = send(&observer, client(&sent), post("/orders")).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(sent.lock().unwrap().len(), 1);
}

#[test]
fn debug_names_the_action() {
    fn debug(follower: &dyn std::fmt::Debug) -> String {
        format!("{follower:?}")
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let follower = Node::follower().await;
        let layer = LeaderOnlyLayer::new(follower.handle.clone()).forward(slow());
        assert!(debug(&layer).contains("Forward"));
        let mut service = layer.layer(here());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(matches!(
            Service::<Request<Body>>::poll_ready(&mut service, &mut cx),
            Poll::Ready(Ok(()))
        ));
        assert!(debug(&service.call(post("/"))).contains("is_admitted: false"));
    });
}

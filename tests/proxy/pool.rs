//! Connections to the leader that are reused.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::oneshot;

use crate::{
    failures::{LOST, post, raw},
    node::{Node, soon},
    servers::{Proto, forwarding, listen},
    wire::Wire,
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_closed_idle_connection_is_not_reused() {
    let (listener, url) = listen();
    let (closed, has_closed) = oneshot::channel();
    let leader = tokio::spawn(async move {
        let mut first = Wire::new(listener.accept().await.unwrap().0);
        first.request().await.unwrap();
        first.send(OK).await;
        first.finish().await;
        // Until the follower has noticed, and has closed its end.
        assert_eq!(first.rest().await, "");
        closed.send(()).unwrap();
        let mut second = Wire::new(listener.accept().await.unwrap().0);
        second.request().await.unwrap();
        second.send(OK).await;
        second.rest().await;
    });
    let follower = Node::follower_of(Some(&url)).await;
    let server = forwarding(&follower, Proto::H1, &Default::default());
    assert_eq!(
        post(Proto::H1, &server.url, "text/plain").await.status(),
        200
    );
    soon(has_closed).await.unwrap();
    assert_eq!(
        post(Proto::H1, &server.url, "text/plain").await.status(),
        200
    );
    leader.abort();
}

/// A server may close a connection as it is reused. The request may have been executed, so it is not repeated.
#[tokio::test]
async fn a_request_on_a_closing_connection_is_lost() {
    let requests = Arc::<AtomicUsize>::default();
    let count = requests.clone();
    let (_leader, url) = raw(move |stream| {
        let count = count.clone();
        async move {
            let mut wire = Wire::new(stream);
            while wire.request().await.is_some() {
                if count.fetch_add(1, Ordering::SeqCst) > 0 {
                    return;
                }
                wire.send(OK).await;
            }
        }
    });
    let follower = Node::follower_of(Some(&url)).await;
    let server = forwarding(&follower, Proto::H1, &Default::default());
    assert_eq!(
        post(Proto::H1, &server.url, "text/plain").await.status(),
        200
    );
    LOST.in_http(post(Proto::H1, &server.url, "text/plain").await)
        .await;
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

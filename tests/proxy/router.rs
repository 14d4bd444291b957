//! An observer as a router to the candidates.

use std::{convert::Infallible, future::ready};

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use noleader::{Builder, LeaderOnlyLayer, Status};
use tower::{Layer, service_fn};

use crate::{
    node::{LEASE, Node, settle, soon},
    servers::{PATHS, Proto, Server, client, forwarding, listen},
};

/// Two candidates with their servers, and an observer. `a` leads.
struct Cluster {
    a: (Node, Server),
    b: (Node, Server),
    observer: Node,
}

impl Cluster {
    async fn start() -> Self {
        let store = Default::default();
        let clock = Default::default();
        let candidate = async |id: &'static str| {
            let (listener, url) = listen();
            let node = Node::join(id, &store, &clock, |builder| {
                builder.dangerous_trust_absent_key(true).address(url)
            })
            .await;
            let name = service_fn(move |_: Request<Body>| {
                ready(Ok::<_, Infallible>(Response::new(Body::from(id))))
            });
            let gate = LeaderOnlyLayer::new(node.handle.clone());
            let server = Server::start(listener, gate.layer(name));
            (node, server)
        };
        let (a, b) = (candidate("a").await, candidate("b").await);
        let observer = Node::join("o", &store, &clock, Builder::observe).await;
        settle().await;
        assert!(a.0.handle.is_leader());
        Self { a, b, observer }
    }

    /// Hands over to `b`.
    async fn hand_over(&self) {
        soon(self.a.0.handle.step_down()).await.unwrap();
        self.b
            .0
            .until(|status| matches!(status, Status::Leader { .. }))
            .await;
        settle().await;
    }

    /// Stops both candidates, and checks that the observer does not campaign.
    async fn shut_down(&self) {
        for node in [&self.a.0, &self.b.0] {
            soon(node.handle.shutdown()).await.unwrap();
        }
        let left_behind = self.observer.store.memory.get();
        for _ in 0..20 {
            self.observer.advance(LEASE).await;
        }
        assert_eq!(self.observer.store.memory.get(), left_behind);
        assert!(matches!(
            self.observer.handle.status(),
            Status::Follower { .. }
        ));
    }
}

async fn post(front: Proto, server: &Server) -> Response<String> {
    let request = Request::post(format!("{}/orders?n=1", server.url));
    let request = request.body(Body::from("order")).unwrap();
    let (parts, body) = soon(client(front).request(request))
        .await
        .unwrap()
        .into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn an_observer_forwards_to_the_current_leader() {
    for (front, back) in PATHS {
        let cluster = Cluster::start().await;
        let executed = Default::default();
        let router = forwarding(&cluster.observer, back, &executed);
        assert_eq!(post(front, &router).await.body(), "a");
        cluster.hand_over().await;
        assert_eq!(post(front, &router).await.body(), "b");

        cluster.shut_down().await;
        let answer = post(front, &router).await;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["noleader-reason"], "no_leader");
        assert_eq!(executed.load(std::sync::atomic::Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn an_observer_redirects_to_the_current_leader() {
    for (front, _) in PATHS {
        let cluster = Cluster::start().await;
        let here = service_fn(|_: Request<Body>| {
            ready(Ok::<_, Infallible>(Response::new(Body::from("here"))))
        });
        let layer = LeaderOnlyLayer::new(cluster.observer.handle.clone()).redirect();
        let router = Server::start(listen().0, layer.layer(here));
        let location = |leader: &Server| format!("{}/orders?n=1", leader.url);
        let answer = post(front, &router).await;
        assert_eq!(answer.status(), 307);
        assert_eq!(answer.headers()["location"], location(&cluster.a.1));
        cluster.hand_over().await;
        let answer = post(front, &router).await;
        assert_eq!(answer.headers()["location"], location(&cluster.b.1));

        cluster.shut_down().await;
        assert_eq!(post(front, &router).await.status(), 503);
    }
}

//! The leader's app, and the proxies in front of it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{
        StatusCode, Uri,
        uri::{Authority, Scheme},
    },
    response::Response,
    routing::post,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use noleader::{LeaderHandle, LeaderOnlyLayer, Status, store::Memory};

use crate::Result;

/// The body of the leader's response.
pub(crate) const ANSWER: &str = "created";

pub(crate) struct Election {
    pub(crate) leader: LeaderHandle,
    pub(crate) leader_listener: TcpListener,
    pub(crate) follower: LeaderHandle,
}

/// A leader, and a follower that knows the leader's address.
pub(crate) async fn elect() -> Result<Election> {
    let leader_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let store = Memory::new();
    // Long enough that no election disturbs the measurement on a busy machine.
    let candidate = || LeaderHandle::with_store(store.clone()).lease(Duration::from_secs(600));
    let leader = candidate()
        .address(format!("http://{}", leader_listener.local_addr()?))
        .dangerous_trust_absent_key(true)
        .start()
        .await?;
    leader.elected().await?;
    let follower = candidate().start().await?;
    let follows = |status: &Status| matches!(status, Status::Follower { leader: Some(_) });
    follower.watch().wait_for(follows).await?;
    Ok(Election {
        leader,
        leader_listener,
        follower,
    })
}

pub(crate) fn leader(leader: LeaderHandle) -> Router {
    open().layer(LeaderOnlyLayer::new(leader))
}

/// The leader's app without the layer.
pub(crate) fn open() -> Router {
    let create = async |order: Bytes| {
        drop(order);
        (StatusCode::CREATED, ANSWER)
    };
    Router::new().route("/orders", post(create))
}

pub(crate) fn follower(follower: LeaderHandle) -> Router {
    // A status that the load reports as an error.
    let never = async || StatusCode::INTERNAL_SERVER_ERROR;
    Router::new()
        .route("/orders", post(never))
        .layer(LeaderOnlyLayer::new(follower).forward(client()))
}

/// The simplest proxy with this client.
pub(crate) fn by_hand(leader: SocketAddr) -> Router {
    let authority = Authority::try_from(leader.to_string()).expect("a valid authority");
    Router::new()
        .fallback(pass_on)
        .with_state((client(), authority))
}

async fn pass_on(
    State((client, leader)): State<(HttpClient, Authority)>,
    mut request: Request,
) -> std::result::Result<Response, StatusCode> {
    let mut uri = std::mem::take(request.uri_mut()).into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(leader);
    *request.uri_mut() = Uri::from_parts(uri).map_err(|_| StatusCode::BAD_REQUEST)?;
    match client.request(request).await {
        Ok(response) => Ok(response.map(Body::new)),
        Err(_) => Err(StatusCode::BAD_GATEWAY),
    }
}

type HttpClient = Client<HttpConnector, Body>;

fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

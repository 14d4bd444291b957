//! gRPC, where the metadata of a call has the key.

use axum::body::Body;
use http::{Request, uri::PathAndQuery};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use noleader::{LeaderOnlyLayer, ShardId};
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{
    Code, Status, client,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::Layer;

use super::cluster::{ADDRESSES, Cluster, app, send};
use crate::grpc::Tokens;

fn in_metadata<B>(request: &Request<B>) -> Option<ShardId> {
    let shard = request.headers().get("shard")?.to_str().ok()?;
    shard.parse().ok().map(ShardId::new)
}

async fn token(channel: &Channel, shard: Option<&'static str>) -> Result<u64, Status> {
    let mut client = client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/test.Tokens/Get");
    let codec = ProstCodec::<(), u64>::default();
    let mut request = tonic::Request::new(());
    if let Some(shard) = shard {
        request
            .metadata_mut()
            .insert("shard", shard.parse().unwrap());
    }
    Ok(client.unary(request, path, codec).await?.into_inner())
}

/// Node `a` rejects, node `b` forwards, and each leads one shard.
#[tokio::test]
async fn the_metadata_of_a_call_decides_on_its_shard() {
    let mut listeners = Vec::new();
    for _ in 0..2 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
    let urls: Vec<_> = listeners.iter().map(url).collect();
    let addresses: Vec<_> = urls.iter().map(String::as_str).collect();
    let cluster = Cluster::led_by(&[Some(0), Some(1)], &addresses).await;
    let key = in_metadata::<tonic::body::Body>;
    let rejecting = LeaderOnlyLayer::sharded(cluster.shards(0), key).layer(Tokens);
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<tonic::body::Body>();
    let forwarding = LeaderOnlyLayer::sharded(cluster.shards(1), key)
        .forward(client)
        .layer(Tokens);
    let mut listeners = listeners.into_iter().map(TcpIncoming::from);
    let mut running = JoinSet::new();
    let server = Server::builder().add_service(rejecting);
    running.spawn(server.serve_with_incoming(listeners.next().unwrap()));
    let server = Server::builder().add_service(forwarding);
    running.spawn(server.serve_with_incoming(listeners.next().unwrap()));
    let [a, b] = [0, 1].map(|node| Endpoint::from_shared(urls[node].clone()).unwrap());
    let [a, b] = [a, b].map(|endpoint| endpoint.connect_lazy());

    let term = |node, shard| {
        let handle = &cluster.candidate(node, shard).handle;
        u64::from(handle.term().unwrap().token())
    };
    assert_eq!(token(&a, Some("0")).await.unwrap(), term(0, 0));
    assert_eq!(token(&b, Some("0")).await.unwrap(), term(0, 0));
    assert_eq!(token(&b, Some("1")).await.unwrap(), term(1, 1));

    let status = token(&a, Some("1")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(
        status.metadata().get("noleader-reason").unwrap(),
        "not_leader"
    );
    for channel in [a, b] {
        let status = token(&channel, None).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(
            status.message(),
            "the request has no key that decides on its shard; the request was not executed"
        );
        assert_eq!(status.metadata().get("noleader-reason").unwrap(), "no_key");
        assert!(status.metadata().get("grpc-retry-pushback-ms").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_web_reads_the_refusal_as_trailers() {
    let cluster = Cluster::led_by(&[Some(0), Some(1)], &ADDRESSES[..2]).await;
    let key = in_metadata::<Body>;
    let app = app(0).layer(LeaderOnlyLayer::sharded(cluster.shards(0), key));
    for (shard, code, reason) in [("1", "14", "not_leader"), ("", "3", "no_key")] {
        let request = Request::post("/orders.Orders/Create")
            .header("content-type", "application/grpc-web+proto")
            .header("shard", shard)
            .body(Body::empty());
        let response = send(&app, request.unwrap()).await;
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("grpc-status"));
        let body = text_of_frame(response).await;
        assert!(body.contains(&format!("grpc-status: {code}\r\n")), "{body}");
        assert!(
            body.contains(&format!("noleader-reason: {reason}\r\n")),
            "{body}"
        );
    }
}

/// The text of the only frame, without its first five bytes.
async fn text_of_frame(response: http::Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1024)
        .await
        .unwrap();
    String::from_utf8(bytes[5..].to_vec()).unwrap()
}

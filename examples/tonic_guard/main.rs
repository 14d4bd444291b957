//! A gRPC service that runs on the leader only.
//!
//! ```sh
//! cargo run --example tonic_guard
//! ```
//!
//! Two nodes, each with a tonic server, and a client that calls both. The election uses the NATS server at
//! `NATS_URL`, or starts a server if that is not set.
//!
//! `orders.rs` is generated from `orders.proto`, so that this needs no protoc:
//! `tonic_prost_build::configure().out_dir(..).compile_fds(protox::compile(["orders.proto"], ["."])?)?`.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::{env, time::Duration};

use noleader::{LeaderHandle, LeaderOnlyLayer, Term};
use noleader_fixture::Server as NatsServer;
use orders::{
    CreateReply, CreateRequest, orders_client::OrdersClient, orders_server::Orders,
    orders_server::OrdersServer,
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};
use tower::Layer;

#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    reason = "generated"
)]
mod orders;

/// The service. All that it sees of the election is the term under which a request was admitted.
struct Node {
    id: String,
}

#[tonic::async_trait]
impl Orders for Node {
    async fn create(
        &self,
        request: Request<CreateRequest>,
    ) -> Result<Response<CreateReply>, Status> {
        let term = request.extensions().get::<Term>();
        let term = term.ok_or_else(|| Status::internal("the service is not guarded"))?;
        Ok(Response::new(CreateReply {
            node: self.id.clone(),
            token: term.token().into(),
        }))
    }
}

/// A candidate, and where its server listens.
struct Running {
    handle: LeaderHandle,
    url: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (_nats, nats_url) = match env::var("NATS_URL") {
        Ok(url) => (None, url),
        Err(_) => {
            let nats = NatsServer::start().await?;
            let url = nats.url();
            (Some(nats), url)
        }
    };
    let (a, b) = (serve("a", &nats_url).await?, serve("b", &nats_url).await?);

    println!("waiting for a leader; a new election takes one lease, 2 s");
    let (leader, follower) = tokio::select! {
        term = a.handle.elected() => { term?; (&a, &b) }
        term = b.handle.elected() => { term?; (&b, &a) }
    };
    ask(leader).await?;
    ask(follower).await?;

    println!("{} steps down", leader.handle.id());
    leader.handle.step_down().await?;
    follower.handle.elected().await?;
    ask(leader).await?;
    ask(follower).await?;

    a.handle.shutdown().await?;
    b.handle.shutdown().await?;
    Ok(())
}

/// Starts a candidate and its server.
async fn serve(id: &str, nats_url: &str) -> anyhow::Result<Running> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let handle = LeaderHandle::builder("tonic_guard", "orders")
        .id(id)
        .address(&url)
        .lease(Duration::from_secs(2))
        .start(async_nats::connect(nats_url).await?)
        .await?;

    let orders = OrdersServer::new(Node { id: id.to_owned() });
    // `Server::builder().layer(..)` would guard every service of the server; this guards one of them.
    let guarded = LeaderOnlyLayer::new(handle.clone()).layer(orders);
    let server = Server::builder().add_service(guarded);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    Ok(Running { handle, url })
}

/// Sends an order to a node, and prints the response.
async fn ask(node: &Running) -> anyhow::Result<()> {
    let mut client = OrdersClient::connect(node.url.clone()).await?;
    let item = "a book".to_owned();
    let answer = match client.create(CreateRequest { item }).await {
        Ok(reply) => {
            let CreateReply { node, token } = reply.into_inner();
            format!("executed by {node}, fencing token {token}")
        }
        Err(status) => format!(
            "{:?}, noleader-reason {:?}: {}",
            status.code(),
            status.metadata().get("noleader-reason"),
            status.message(),
        ),
    };
    println!("  {}: {answer}", node.handle.id());
    Ok(())
}

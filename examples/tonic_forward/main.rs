//! A gRPC service in which every node accepts every call: a follower forwards it to the leader over h2c and returns
//! the leader's response. A node that only observes is a router to the leader.
//!
//! ```sh
//! cargo run --example tonic_forward   # about 5 s
//! ```
//!
//! Two candidates and an observer receive the same calls before and during a hand-over. The election uses the NATS
//! server at `NATS_URL`, or starts a server if that is not set. The exit code is 1 if a call is not executed by the
//! leader.
//!
//! - `node`: a node, and the client that it forwards with. This is the part to copy.
//! - `channels`: how to forward with a tonic `Channel` instead.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

mod channels;
mod node;
#[path = "../tonic_guard/orders.rs"]
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    reason = "generated"
)]
mod orders;

use std::{env, time::Duration};

use noleader::{Builder, LeaderHandle};
use noleader_fixture::Server as NatsServer;
use tokio::time::sleep;

use crate::{
    channels::Channels,
    node::{Node, hyper_client},
    orders::{CreateReply, CreateRequest, orders_client::OrdersClient},
};

/// How often a client tries before it gives up.
const ATTEMPTS: usize = 10;

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
    let nodes = [
        Node::start("a", &nats_url, |candidate| candidate, hyper_client()).await?,
        Node::start("b", &nats_url, |candidate| candidate, hyper_client()).await?,
        // Either client works for either role.
        Node::start("router", &nats_url, Builder::observe, Channels::default()).await?,
    ];
    let [a, b, _] = nodes.each_ref().map(|node| &node.handle);

    println!("waiting for a leader; a new election takes one lease, 3 s");
    let (old, new) = tokio::select! {
        term = a.elected() => { term?; (a, b) }
        term = b.elected() => { term?; (b, a) }
    };
    call_all(&nodes, old).await?;

    println!("{} steps down while the calls continue", old.id());
    let mut leads = old.subscribe();
    let (stepped_down, called) = tokio::join!(old.step_down(), async {
        leads.wait_for(|leads| !leads).await?;
        call_all(&nodes, new).await
    });
    stepped_down?;
    called?;

    for node in &nodes {
        node.handle.shutdown().await?;
    }
    Ok(())
}

/// Calls each node, and checks that the leader executed each call.
async fn call_all(nodes: &[Node], leader: &LeaderHandle) -> anyhow::Result<()> {
    for Node { handle, url } in nodes {
        let CreateReply { node, token } = call(url).await?;
        let asked = handle.id();
        println!("  sent to {asked:<6}  executed by {node}, fencing token {token}");
        anyhow::ensure!(node == leader.id(), "{} leads", leader.id());
    }
    Ok(())
}

/// An order, as a client of the service sends it.
async fn call(url: &str) -> anyhow::Result<CreateReply> {
    let mut client = OrdersClient::connect(url.to_owned()).await?;
    for _ in 0..ATTEMPTS {
        let item = "a book".to_owned();
        let status = match client.create(CreateRequest { item }).await {
            Ok(reply) => return Ok(reply.into_inner()),
            Err(status) => status,
        };
        // With this metadata the call was not executed: the node still followed the old leader.
        let Some(millis) = status.metadata().get("grpc-retry-pushback-ms") else {
            return Err(status.into());
        };
        let wait = Duration::from_millis(millis.to_str()?.parse()?);
        println!("  {} from {url}; retrying in {wait:?}", status.code());
        sleep(wait).await;
    }
    anyhow::bail!("{url}: no leader accepted the order")
}

//! A gRPC service where any node takes any call: one that does not lead sends it on to the leader, over h2c, and
//! passes the answer back. A node that only observes is a router to the leader.
//!
//! ```sh
//! cargo run --example tonic_forward   # tells its story in about 5 s
//! ```
//!
//! Two candidates and an observer get the same calls, before and during a hand-over. The election is held on the
//! NATS server at `NATS_URL`, or else on one that this starts. The exit code is 1 if a call is not taken by the
//! leader.
//!
//! - `node`: a node, and what it forwards with. The part to copy.
//! - `channels`: what a tonic `Channel` needs to be a client that forwards.
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

/// How often a client calls again, before it gives up.
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
        // Either client goes with either role.
        Node::start("router", &nats_url, Builder::observe, Channels::default()).await?,
    ];
    let [a, b, _] = nodes.each_ref().map(|node| &node.handle);

    println!("waiting for a leader: one lease, 3 s, if the election is new");
    let (old, new) = tokio::select! {
        term = a.elected() => { term?; (a, b) }
        term = b.elected() => { term?; (b, a) }
    };
    call_all(&nodes, old).await?;

    println!("{} steps down, and the calls go on", old.id());
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

/// Calls each node, and shows who took it: the leader, always.
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
        // With this it was not executed: that node still took the old leader for the leader.
        let Some(millis) = status.metadata().get("grpc-retry-pushback-ms") else {
            return Err(status.into());
        };
        let wait = Duration::from_millis(millis.to_str()?.parse()?);
        println!("  {} from {url}, to be repeated in {wait:?}", status.code());
        sleep(wait).await;
    }
    anyhow::bail!("{url}: no leader took the order")
}

//! An axum app in which every node accepts every write: a follower forwards it to the leader and returns the
//! leader's response. A node that only observes is a router to the leader.
//!
//! ```sh
//! cargo run --example axum_forward   # about 5 s
//! ```
//!
//! Two candidates and an observer receive the same writes before, during and after a hand-over. The election uses
//! the NATS server at `NATS_URL`, or starts a server if that is not set. The exit code is 1 if a write is not
//! executed by the leader.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::{env, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Request, StatusCode, header::RETRY_AFTER},
    routing::{get, post},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use noleader::{Builder, LeaderHandle, LeaderOnlyLayer, Term};
use noleader_fixture::Server as NatsServer;
use tokio::{net::TcpListener, time::sleep};

type HttpClient = Client<HttpConnector, Body>;

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
        serve("a", &nats_url, |candidate| candidate).await?,
        serve("b", &nats_url, |candidate| candidate).await?,
        serve("router", &nats_url, Builder::observe).await?,
    ];
    let [a, b, _] = &nodes;

    println!("waiting for a leader; a new election takes one lease, 3 s");
    let (old, new) = tokio::select! {
        term = a.elected() => { term?; (a, b) }
        term = b.elected() => { term?; (b, a) }
    };
    write_to_all(&nodes, old).await?;

    println!("{} steps down while the writes continue", old.id());
    let mut leads = old.subscribe();
    let (stepped_down, written) = tokio::join!(old.step_down(), async {
        leads.wait_for(|leads| !leads).await?;
        write_to_all(&nodes, new).await
    });
    stepped_down?;
    written?;

    for node in &nodes {
        node.shutdown().await?;
    }
    Ok(())
}

/// Starts a node: the same app on each, whether it can lead or not.
async fn serve(
    id: &'static str,
    nats_url: &str,
    role: impl FnOnce(Builder) -> Builder,
) -> anyhow::Result<LeaderHandle> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let candidate = LeaderHandle::builder("axum_forward", "writer")
        .id(id)
        .address(format!("http://{}", listener.local_addr()?))
        .lease(Duration::from_secs(3));
    let handle = role(candidate)
        .start(async_nats::connect(nats_url).await?)
        .await?;

    let gate = LeaderOnlyLayer::new(handle.clone())
        .writes_only()
        // Delays a write during a hand-over instead of rejecting it.
        .wait_up_to(Duration::from_secs(2))
        .forward(http_client());
    let app = Router::new()
        .route("/orders", post(create))
        .route("/whoami", get(async move || id))
        .layer(gate)
        .with_state(id);
    tokio::spawn(axum::serve(listener, app).into_future());
    Ok(handle)
}

/// Runs on the leader, whichever node received the request.
async fn create(term: Term, State(id): State<&'static str>) -> (StatusCode, String) {
    let answer = format!("{id}, fencing token {}", term.token());
    (StatusCode::CREATED, answer)
}

fn http_client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Writes to each node, and checks that the leader executed each write.
async fn write_to_all(nodes: &[LeaderHandle], leader: &LeaderHandle) -> anyhow::Result<()> {
    let client = http_client();
    for node in nodes {
        let url = format!("{}/orders", node.address().context("no address")?);
        let taken_by = write(&client, &url).await?;
        println!("  sent to {:<6}  executed by {taken_by}", node.id());
        anyhow::ensure!(taken_by.starts_with(leader.id()), "{} leads", leader.id());
    }
    Ok(())
}

/// A write, as a client of the app sends it.
async fn write(client: &HttpClient, url: &str) -> anyhow::Result<String> {
    for _ in 0..ATTEMPTS {
        let request = Request::post(url).body(Body::from("a book"))?;
        let response = client.request(request).await?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).cloned();
        let body = to_bytes(Body::new(response.into_body()), usize::MAX).await?;
        let text = String::from_utf8(body.to_vec())?;
        match (status, retry_after) {
            (StatusCode::CREATED, _) => return Ok(text),
            // The write was not executed: the node still followed the old leader.
            (_, Some(seconds)) => {
                let seconds = seconds.to_str()?.parse()?;
                println!("  {status} from {url}; retrying in {seconds} s");
                sleep(Duration::from_secs(seconds)).await;
            }
            _ => anyhow::bail!("{status} from {url}: {text}"),
        }
    }
    anyhow::bail!("{url}: no leader accepted the write")
}

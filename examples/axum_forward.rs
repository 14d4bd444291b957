//! An axum app where any node takes any write: one that does not lead sends it on to the leader, and passes the
//! answer back. A node that only observes is a router to the leader.
//!
//! ```sh
//! cargo run --example axum_forward   # tells its story in about 5 s
//! ```
//!
//! Two candidates and an observer get the same writes, before, during and after a hand-over. The election is
//! held on the NATS server at `NATS_URL`, or else on one that this starts. The exit code is 1 if a write is not
//! taken by the leader.
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

/// How often a client asks again, before it gives up.
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

    println!("waiting for a leader: one lease, 3 s, if the election is new");
    let (old, new) = tokio::select! {
        term = a.elected() => { term?; (a, b) }
        term = b.elected() => { term?; (b, a) }
    };
    write_to_all(&nodes, old).await?;

    println!("{} steps down, and the writes go on", old.id());
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
        // A write that comes in the middle of a hand-over is late, not refused.
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

/// Runs on the leader, whichever node was asked.
async fn create(term: Term, State(id): State<&'static str>) -> (StatusCode, String) {
    let answer = format!("{id}, fencing token {}", term.token());
    (StatusCode::CREATED, answer)
}

fn http_client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Writes to each node, and shows who took it: the leader, always.
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

/// A write, as a client of the app does it.
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
            // It was not executed: that node still took the old leader for the leader.
            (_, Some(seconds)) => {
                let seconds = seconds.to_str()?.parse()?;
                println!("  {status} from {url}, to be repeated in {seconds} s");
                sleep(Duration::from_secs(seconds)).await;
            }
            _ => anyhow::bail!("{status} from {url}: {text}"),
        }
    }
    anyhow::bail!("{url}: no leader took the write")
}

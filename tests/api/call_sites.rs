//! The call sites that programs outside of this repository are compiled against. They are compiled, and not run.

use std::time::Duration;

use axum::{
    Json, Router,
    body::Body,
    response::IntoResponse,
    routing::{get, post},
};
use http::{Request, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use noleader::{
    FencingToken, Leader, LeaderHandle, LeaderInfo, LeaderOnlyLayer, NotLeader, Status, Term,
    store::JetStream,
};
use tokio_util::sync::CancellationToken;
use tower::{BoxError, Layer, service_fn};

async fn the_handle() -> anyhow::Result<()> {
    let client = async_nats::connect("localhost:4222").await?;
    let leader: LeaderHandle = LeaderHandle::builder("orders", "writer")
        .id("node-7")
        .address("http://10.0.0.7:8080")
        .lease(Duration::from_secs(15))
        .replicas(3)
        .start(client.clone())
        .await?;

    let _: bool = leader.is_leader();
    let _flag: tokio::sync::watch::Receiver<bool> = leader.subscribe();
    let _now: Status = leader.status();
    let _changes: tokio::sync::watch::Receiver<Status> = leader.watch();
    let term: Term = leader.elected().await?;
    let token: FencingToken = term.token();
    let _: u64 = token.into();
    let _: Duration = term.remaining();
    let _: bool = term.is_current();
    let _: CancellationToken = term.closing();
    let _: CancellationToken = term.cancellation();
    let _: Option<Term> = leader.term();
    let _: Option<LeaderInfo> = leader.leader();
    let _admission = leader.admit()?;
    let _admission = leader.admit_for(Duration::from_millis(500))?;
    leader.step_down().await?;
    leader.shutdown().await?;

    let store = JetStream::new(client, "orders", "writer")
        .domain("hub")
        .replicas(3);
    let _leader = LeaderHandle::with_store(store).id("node-7").start().await?;
    Ok(())
}

async fn the_settings(client: async_nats::Client) -> anyhow::Result<()> {
    let _leader = LeaderHandle::builder("orders", "writer")
        .renew_every(Duration::from_secs(5))
        .max_clock_drift(0.1)
        .drain_timeout(Duration::from_secs(10))
        .campaign_delay(Duration::from_millis(20))
        .storage(noleader::Storage::File)
        .create_bucket(true)
        .dangerous_trust_absent_key(false)
        .observe()
        .warm_up(|_term| async { anyhow::Ok(()) })
        .start(client)
        .await?;
    Ok(())
}

async fn the_work_loop(client: async_nats::Client) -> anyhow::Result<()> {
    let leader = Leader::new("my_bucket", "election_key", client.clone());
    leader.create_bucket().await?;
    let _leader_id = leader.leader_id().to_string();
    leader
        .acquire_and_run(move |token| async move {
            while !token.is_cancelled() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Ok::<(), anyhow::Error>(())
        })
        .await?;
    leader
        .run(|term: Term| async move {
            while !term.closing().is_cancelled() {
                work(term.token()).await?;
            }
            anyhow::Ok(())
        })
        .await?;
    Ok(())
}

async fn work(_: FencingToken) -> anyhow::Result<()> {
    Ok(())
}

async fn list() -> &'static str {
    "list"
}

async fn create(term: Term) -> String {
    term.token().to_string()
}

fn the_layers(leader: &LeaderHandle, client: Client<HttpConnector, Body>) -> Vec<Router> {
    let app = || Router::new().route("/orders", get(list).post(create));
    let h = || leader.clone();
    vec![
        app().layer(LeaderOnlyLayer::new(h()).writes_only()),
        app().layer(LeaderOnlyLayer::new(h())),
        app().layer(
            LeaderOnlyLayer::new(h())
                .when(|req: &Request<Body>| req.uri().path().starts_with("/admin")),
        ),
        app().layer(LeaderOnlyLayer::new(h()).redirect()),
        app().layer(LeaderOnlyLayer::new(h()).forward(client)),
        app().layer(LeaderOnlyLayer::new(h()).wait_up_to(Duration::from_secs(2))),
        app().layer(LeaderOnlyLayer::new(h()).reject_with(
            |not_leader: NotLeader, _: Request<Body>| {
                let text = Json(not_leader.to_string());
                (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
            },
        )),
        app().layer(LeaderOnlyLayer::new(h()).not_ready()),
        app().layer(LeaderOnlyLayer::new(h()).min_remaining(Duration::from_millis(500))),
        app().layer(LeaderOnlyLayer::new(h()).cancel_on_loss()),
        app().layer(LeaderOnlyLayer::new(h()).reveal_leader(true)),
        app().route_service("/health", leader.health()),
        app().route("/plain", post(|| async {})),
    ]
}

fn any_service(leader: LeaderHandle) {
    let inner = service_fn(|order: u64| async move { Ok::<_, BoxError>(order + 1) });
    let _service = LeaderOnlyLayer::new(leader).fail().layer(inner);
}

#[test]
fn every_call_site_compiles() {
    let _ = (
        the_handle,
        the_settings,
        the_work_loop,
        the_layers,
        any_service,
    );
}

//! What the gate costs an admitted request, beside other ways to do the same, in one run.
//!
//! `cargo bench --bench gate` measures, and ends with the table that the README shows.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program to run by hand"
)]

use std::{
    convert::Infallible,
    fs,
    future::{Ready, ready},
    hint::black_box,
    path::PathBuf,
    task::{Context, Poll, Waker},
};

use axum::{body::Body, extract::State, http::StatusCode, middleware::Next, response::Response};
use criterion::Criterion;
use futures_util::FutureExt;
use http::Request;
use noleader::{LeaderHandle, LeaderOnlyLayer, NotLeader, clock::Clock, store::Memory};
use tokio::sync::watch;
use tower::{Layer, Service, limit::ConcurrencyLimitLayer};

/// Answers at once, with nothing.
#[derive(Clone)]
struct Bare;

impl Service<Request<Body>> for Bare {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::empty())))
    }
}

/// The same for a service that is not HTTP.
#[derive(Clone)]
struct BareUnit;

impl Service<()> for BareUnit {
    type Response = ();
    type Error = NotLeader;
    type Future = Ready<Result<(), NotLeader>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotLeader>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

/// One request, from readiness to the answer, which all of these give without waiting.
fn call<S: Service<R>, R>(service: &mut S, request: R) -> S::Response
where
    S::Error: std::fmt::Debug,
{
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(ready) = service.poll_ready(&mut context) else {
        unreachable!("every service here is ready");
    };
    ready.expect("ready");
    service
        .call(request)
        .now_or_never()
        .expect("at once")
        .expect("an answer")
}

fn request() -> Request<Body> {
    // As axum and hyper hand it over: with extensions of their own.
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(7_u8);
    request
}

async fn by_flag(
    State(flag): State<watch::Receiver<bool>>,
    request: Request<Body>,
    next: Next,
) -> Result<Response, StatusCode> {
    if *flag.borrow() {
        Ok(next.run(request).await)
    } else {
        Err(StatusCode::SERVICE_UNAVAILABLE)
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let leader = runtime.block_on(async {
        let builder = LeaderHandle::builder("bench", "gate").trust_absent_key(true);
        let leader = builder
            .start_with(Memory::new())
            .await
            .expect("a candidate");
        leader.elected().await.expect("an election");
        leader
    });
    let _entered = runtime.enter();
    let mut criterion = Criterion::default().configure_from_args();

    let clock = Clock::system();
    criterion.bench_function("clock read", |b| b.iter(|| black_box(clock.now())));
    criterion.bench_function("is_leader", |b| b.iter(|| black_box(leader.is_leader())));

    let mut services = criterion.benchmark_group("service");
    services.bench_function("bare", |b| b.iter(|| call(&mut Bare, request())));
    let mut gated = LeaderOnlyLayer::new(leader.clone()).layer(Bare);
    services.bench_function("LeaderOnly", |b| b.iter(|| call(&mut gated, request())));
    let mut limited = ConcurrencyLimitLayer::new(1024).layer(Bare);
    services.bench_function("ConcurrencyLimit", |b| {
        b.iter(|| call(&mut limited, request()));
    });
    let flag = leader.subscribe();
    let mut flagged = axum::middleware::from_fn_with_state(flag, by_flag).layer(Bare);
    services.bench_function("from_fn with a watch", |b| {
        b.iter(|| call(&mut flagged, request()));
    });
    services.bench_function("bare, no HTTP", |b| b.iter(|| call(&mut BareUnit, ())));
    let mut gated = LeaderOnlyLayer::new(leader.clone()).fail().layer(BareUnit);
    services.bench_function("LeaderOnly, no HTTP", |b| b.iter(|| call(&mut gated, ())));
    services.finish();

    criterion.final_summary();
    print_table();
}

/// Prints what each layer adds, as a ratio to one clock read of the same run.
fn print_table() {
    let read = |name: &str| median_ns(name);
    let Some(clock) = read("clock read") else {
        return;
    };
    println!("\n| | adds | x one clock read |\n|---|---|---|");
    let rows = [
        ("`is_leader`", "is_leader", None),
        (
            "`LeaderOnly`, any service",
            "service/LeaderOnly, no HTTP",
            Some("service/bare, no HTTP"),
        ),
        (
            "`LeaderOnly`, HTTP",
            "service/LeaderOnly",
            Some("service/bare"),
        ),
        (
            "tower `ConcurrencyLimit`",
            "service/ConcurrencyLimit",
            Some("service/bare"),
        ),
        (
            "axum `from_fn` with a watch",
            "service/from_fn with a watch",
            Some("service/bare"),
        ),
    ];
    println!("| one clock read | {clock:.0} ns | 1.00 |");
    for (label, with, without) in rows {
        if let Some(with) = read(with) {
            let adds = with - without.and_then(read).unwrap_or(0.0);
            println!("| {label} | {adds:.0} ns | {:.2} |", adds / clock);
        }
    }
}

/// The median that criterion wrote down for a benchmark, in nanoseconds.
fn median_ns(name: &str) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    let path = target
        .join("criterion")
        .join(name)
        .join("new/estimates.json");
    let text = fs::read_to_string(path).ok()?;
    let estimates: serde_json::Value = serde_json::from_str(&text).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

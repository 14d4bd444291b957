//! A candidate: it accepts orders while it leads, and keeps them in the storage.

use std::{env, process::Command, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Method, Request, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use noleader::{LeaderHandle, LeaderOnlyLayer, Term};
use tokio::net::TcpListener;

/// Short, so that the example is short. The default is 15 s.
const LEASE: Duration = Duration::from_secs(2);

/// The variable that makes this program a candidate: its id, and the URLs of NATS and of the storage.
const VARIABLE: &str = "FENCED_STORE_CANDIDATE";

/// The settings of a candidate.
pub(crate) struct Role {
    pub(crate) id: String,
    pub(crate) nats_url: String,
    pub(crate) storage_url: String,
}

impl Role {
    pub(crate) fn from_env() -> Option<Self> {
        let text = env::var(VARIABLE).ok()?;
        let mut words = text.split(' ').map(str::to_owned);
        Some(Self {
            id: words.next()?,
            nats_url: words.next()?,
            storage_url: words.next()?,
        })
    }

    pub(crate) fn give_to(&self, command: &mut Command) {
        let text = format!("{} {} {}", self.id, self.nats_url, self.storage_url);
        command.env(VARIABLE, text);
    }
}

/// Prints where it listens, and the token of each of its terms.
pub(crate) async fn run(role: Role) -> anyhow::Result<()> {
    let leader = LeaderHandle::builder("fenced_store", "orders")
        .id(role.id)
        .lease(LEASE)
        .start(async_nats::connect(role.nats_url).await?)
        .await?;
    let app = Router::new()
        .route("/orders", post(add))
        .layer(LeaderOnlyLayer::new(leader.clone()))
        .with_state(Orders {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: format!("{}/orders", role.storage_url),
        });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listens on {}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    loop {
        let term = leader.elected().await?;
        println!("leads with {}", term.token());
        term.cancellation().cancelled().await;
    }
}

/// Adds an order to the list in the storage.
async fn add(term: Term, State(orders): State<Orders>, order: String) -> Result<(), Failure> {
    let mut list = orders.ask(Method::GET, &term, String::new()).await?;
    // A check here that the term is current would prove nothing: the process may be stopped right after it. So the
    // storage decides.
    list.push_str(&order);
    list.push('\n');
    orders.ask(Method::PUT, &term, list).await?;
    Ok(())
}

/// The list in the storage, as seen by a candidate.
#[derive(Clone)]
struct Orders {
    client: Client<HttpConnector, Body>,
    url: String,
}

impl Orders {
    /// Reads are fenced like writes, since each write builds on a read.
    async fn ask(&self, method: Method, term: &Term, body: String) -> Result<String, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(&self.url)
            .body(body.into())
            .context("a request to the storage")?;
        term.fence(request.headers_mut());

        let response = self.client.request(request).await;
        let (head, body) = response.context("the storage")?.into_parts();
        let body = body.collect().await.context("the storage")?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        if head.status.is_success() {
            Ok(text)
        } else {
            Err(Failure::Refused(head.status, text))
        }
    }
}

/// Why an order was not accepted.
enum Failure {
    /// The storage rejected it. Its response is passed on.
    Refused(StatusCode, String),
    Broken(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(status, text) => (status, text).into_response(),
            Self::Broken(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
        }
    }
}

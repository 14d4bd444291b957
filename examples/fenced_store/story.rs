//! The sequence of events. Nothing here waits for time to pass, only for other processes.

use std::{
    env,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use noleader_fixture::{Process, Server};
use tokio::time;

use super::{candidate::Role, storage::Storage};

/// How long something may take, on a very slow machine.
const BOUND: Duration = Duration::from_secs(60);

/// The outcome of the late write.
pub(crate) struct Outcome {
    /// The token of the leader that was stopped, and that of its successor.
    pub(crate) tokens: [u64; 2],
    pub(crate) late: Answer,
    pub(crate) fenced: String,
    pub(crate) unfenced: String,
}

/// A candidate's response to an order.
pub(crate) type Answer = (StatusCode, String);

impl Outcome {
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let [old, new] = self.tokens;
        anyhow::ensure!(old < new, "token {new} came after {old}");
        let (status, text) = &self.late;
        anyhow::ensure!(
            self.fenced == "apples\nplums\n",
            "the late write was accepted: {status}, {text}"
        );
        anyhow::ensure!(
            *status == StatusCode::CONFLICT,
            "the storage did not reject the late write: {status}, {text}"
        );
        anyhow::ensure!(
            self.unfenced == "apples\npears\n",
            "the late write did not reach the list without a fence"
        );
        Ok(())
    }

    fn print(&self) {
        let lost = |text: &str| match text.contains("plums") {
            true => "",
            false => "   <- lost update: no plums",
        };
        let list = |text: &str| text.lines().collect::<Vec<_>>().join(", ") + lost(text);
        let (status, text) = &self.late;
        println!("\nthe response to the late write: {status}, {text}");
        println!("  with a fence     {}", list(&self.fenced));
        println!("  without a fence  {}", list(&self.unfenced));
    }
}

/// Runs the example. With `arguments`, this program becomes a candidate.
pub(crate) async fn play(arguments: &[&str]) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    let say = |text: &str| println!("[{:5.2} s]  {text}", began.elapsed().as_secs_f64());
    let (nats, storage) = (Server::start().await?, Storage::default());
    let storage_url = storage.serve().await?;
    let start = async |id: &str| {
        let role = Role {
            id: id.to_owned(),
            nats_url: nats.url(),
            storage_url: storage_url.clone(),
        };
        Candidate::start(role, arguments).await
    };

    let mut a = start("a").await?;
    let old = a.leads().await?;
    say(&format!("a leads with token {old}"));
    let mut b = start("b").await?;
    taken(order(a.url.clone(), "apples").await?)?;
    say("a accepts an order for apples, and writes it to the storage");

    let held = storage.hold_next_read();
    let late = tokio::spawn(order(a.url.clone(), "pears"));
    let held = time::timeout(BOUND, held).await??;
    a.process.pause()?;
    let stopped = Instant::now();
    say("a accepts an order for pears, reads the list, and is stopped before it writes (SIGSTOP)");
    drop(held);

    let new = b.leads().await?;
    say(&format!("b leads with token {new}"));
    taken(order(b.url.clone(), "plums").await?)?;
    say("b accepts an order for plums, and writes it to the storage");

    a.process.resume()?;
    let late = late.await??;
    let after = stopped.elapsed();
    say(&format!(
        "a resumes (SIGCONT), and its write arrives {after:.1?} late"
    ));
    let outcome = Outcome {
        tokens: [old, new],
        late,
        fenced: storage.fenced(),
        unfenced: storage.unfenced(),
    };
    outcome.print();
    Ok(outcome)
}

/// A candidate's process, and the URL of its orders.
struct Candidate {
    process: Process,
    url: String,
}

impl Candidate {
    /// Runs this program again, and returns once it listens.
    async fn start(role: Role, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(arguments);
        role.give_to(&mut command);
        let mut process = Process::spawn_with_stdout(command)?;
        let addr = told(&mut process, "listens on ").await?;
        let url = format!("http://{addr}/orders");
        Ok(Self { process, url })
    }

    /// Waits until it leads, and returns its token.
    async fn leads(&mut self) -> anyhow::Result<u64> {
        Ok(told(&mut self.process, "leads with ").await?.parse()?)
    }
}

/// The rest of the next line that contains `words`.
async fn told(process: &mut Process, words: &str) -> anyhow::Result<String> {
    let line = process
        .wait_for_line(|line| line.contains(words), BOUND)
        .await?;
    let rest = line.split(words).nth(1);
    Ok(rest.context("a line with more in it")?.to_owned())
}

/// Sends an order to a candidate.
async fn order(url: String, order: &'static str) -> anyhow::Result<Answer> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(url).body(Body::from(order))?;
    let exchange = async {
        let (head, body) = client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
    };
    time::timeout(BOUND, exchange).await?
}

fn taken((status, text): Answer) -> anyhow::Result<()> {
    anyhow::ensure!(
        status.is_success(),
        "an order was not accepted: {status}, {text}"
    );
    Ok(())
}

//! Candidates of 0.1.2 and of the present version in one election, and in the steps from one version to the other.

mod cases;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use async_nats::jetstream::{self, kv};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use noleader_fixture::{Direction, Server, eventually};
use tempfile::TempDir;
use tokio::time::sleep;

use self::cases::{CASES, Case, Step};
use crate::{
    candidate::{Make, Part},
    claims::{Overlap, overlap},
    clock::now_ns,
    node::Node,
};

/// The bucket of 0.1.2.
const BUCKET: &str = "elections";
/// A bucket that only the present version uses.
const NEW_BUCKET: &str = "elections-2";
/// More than twice the lease of 0.1.2.
const BOUND: Duration = Duration::from_secs(240);

/// The outcome of one trial.
struct Outcome {
    overlap: Overlap,
    /// The time from the last change before the last [`Step::Leads`] to that step.
    led_after: Option<Duration>,
}

pub(crate) async fn run(rounds: usize, jobs: usize) -> anyhow::Result<()> {
    let tries = CASES.iter().flat_map(|case| (0..rounds).map(move |_| case));
    let outcomes =
        stream::iter(tries.map(|case| one(case).map(move |done| done.context(case.name))));
    let outcomes: Vec<_> = outcomes.buffered(jobs).try_collect().await?;
    println!("| case | trials | with two leaders | longest, s | last leader after, s |");
    println!("|---|---|---|---|---|");
    for (case, outcomes) in CASES.iter().zip(outcomes.chunks(rounds.max(1))) {
        println!("{}", line(case, outcomes));
    }
    Ok(())
}

fn line(case: &Case, outcomes: &[Outcome]) -> String {
    let two = outcomes.iter().filter(|outcome| outcome.overlap.seen);
    format!(
        "| {} | {} | {} | {} | {} |",
        case.name,
        outcomes.len(),
        two.clone().count(),
        seconds(two.map(|outcome| outcome.overlap.longest)),
        seconds(outcomes.iter().filter_map(|outcome| outcome.led_after)),
    )
}

fn seconds(times: impl Iterator<Item = Duration>) -> String {
    let times = times.map(|time| format!("{:.3}", time.as_secs_f64()));
    times.collect::<Vec<_>>().join(", ")
}

async fn one(case: &Case) -> anyhow::Result<Outcome> {
    let mut trial = Trial {
        case,
        server: Server::start().await?,
        files: tempfile::tempdir()?,
        nodes: Vec::new(),
        changed_ns: now_ns(),
        led_after: None,
    };
    for step in case.steps {
        let done = trial.take(step).await;
        done.with_context(|| format!("{step:?}"))?;
    }
    let nodes = trial.nodes.iter().map(|(_, node)| node);
    let claims = nodes.filter(|node| node.has_looked()).map(Node::claims);
    let claims: Vec<_> = claims.collect::<anyhow::Result<_>>()?;
    Ok(Outcome {
        overlap: overlap(&claims),
        led_after: trial.led_after,
    })
}

struct Trial<'a> {
    case: &'a Case,
    server: Server,
    /// The folder for the candidates' logs and the file that ends a hold.
    files: TempDir,
    nodes: Vec<(Make, Node)>,
    /// When the last step that may change the leader was taken.
    changed_ns: u64,
    led_after: Option<Duration>,
}

impl Trial<'_> {
    async fn take(&mut self, step: &Step) -> anyhow::Result<()> {
        match *step {
            Step::Bucket { max_age_s } => self.bucket_of_earlier(max_age_s).await?,
            Step::Join(make) => self.join(make).await?,
            Step::Leads(make) => return self.leads(make).await,
            Step::Wait(seconds) => {
                sleep(Duration::from_secs(seconds)).await;
                return Ok(());
            }
            Step::NeverLeads(make, seconds) => return self.never_leads(make, seconds).await,
            Step::DoesNotStart(make) => return Ok(self.node(make)?.process.ends().await?),
            Step::Kill(make) => self.node_mut(make)?.process.kill(),
            Step::CutOff(make) => self.node(make)?.proxy.black_hole(Direction::Both),
            Step::Pause(make) => self.node(make)?.process.pause()?,
            Step::Resume(make) => self.node(make)?.process.resume()?,
            Step::Open => fs::write(self.hold(), "")?,
        }
        self.changed_ns = now_ns();
        Ok(())
    }

    /// Creates the bucket as 0.1.2 does, except for its `max_age`.
    async fn bucket_of_earlier(&self, max_age_s: u64) -> anyhow::Result<()> {
        let config = kv::Config {
            bucket: BUCKET.to_owned(),
            limit_markers: Some(Duration::from_secs(60)),
            max_age: Duration::from_secs(max_age_s),
            ..Default::default()
        };
        let context = jetstream::new(self.server.client().await?);
        context.create_key_value(config).await?;
        Ok(())
    }

    async fn join(&mut self, make: Make) -> anyhow::Result<()> {
        let is_elsewhere = self.case.new_bucket && make == Make::Present;
        let bucket = if is_elsewhere { NEW_BUCKET } else { BUCKET };
        let mut part = Part::new(bucket, Duration::from_secs(self.case.lease_s));
        part.hold = self.case.held.then(|| self.hold());
        let log = self.files.path().join(self.nodes.len().to_string());
        let node = Node::start(make, &part, &self.server, log).await?;
        self.nodes.push((make, node));
        Ok(())
    }

    async fn leads(&mut self, make: Make) -> anyhow::Result<()> {
        let node = self.node(make)?;
        let what = format!("{} leads", make.name());
        eventually(what, BOUND, async || node.claims_now().then_some(())).await?;
        self.led_after = Some(Duration::from_nanos(now_ns() - self.changed_ns));
        Ok(())
    }

    async fn never_leads(&self, make: Make, seconds: u64) -> anyhow::Result<()> {
        sleep(Duration::from_secs(seconds)).await;
        let node = self.node(make)?;
        ensure!(node.has_looked(), "{} has not started", make.name());
        ensure!(node.claims()?.is_empty(), "{} has led", make.name());
        Ok(())
    }

    fn hold(&self) -> PathBuf {
        self.files.path().join("open")
    }

    /// The node of this version that joined last.
    fn node(&self, make: Make) -> anyhow::Result<&Node> {
        let found = self.nodes.iter().rfind(|(kind, _)| *kind == make);
        Ok(&found.context("it has not joined")?.1)
    }

    fn node_mut(&mut self, make: Make) -> anyhow::Result<&mut Node> {
        let found = self.nodes.iter_mut().rfind(|(kind, _)| *kind == make);
        Ok(&mut found.context("it has not joined")?.1)
    }
}

//! A candidate: what this program is when it is started with `candidate`.

use std::{path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, bail};
use futures_util::FutureExt;
use noleader::LeaderHandle;
use tokio_util::sync::CancellationToken;

use crate::lookout;

const BUCKET: &str = "elections";
const KEY: &str = "leader";

/// Which of the two a candidate is made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Make {
    /// noleader 0.1.2, from the registry.
    Earlier,
    /// The crate that this folder is part of.
    Present,
}

impl Make {
    pub(crate) const ALL: [Self; 2] = [Self::Earlier, Self::Present];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Earlier => "0.1.2",
            Self::Present => "present",
        }
    }

    /// That of 0.1.2 is fixed; this is the present one's default.
    pub(crate) fn lease(self) -> Duration {
        match self {
            Self::Earlier => Duration::from_secs(60),
            Self::Present => Duration::from_secs(15),
        }
    }
}

impl FromStr for Make {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let made = Self::ALL.into_iter().find(|make| make.name() == name);
        made.with_context(|| format!("neither 0.1.2 nor present: {name:?}"))
    }
}

/// Runs for an election until it is killed, and logs its flag.
pub(crate) async fn run(make: Make, url: &str, log: PathBuf) -> anyhow::Result<()> {
    match make {
        Make::Earlier => earlier(url, log).await,
        Make::Present => present(url, log).await,
    }
}

async fn earlier(url: &str, log: PathBuf) -> anyhow::Result<()> {
    let client = async_nats_earlier::connect(url).await?;
    let leader = earlier::Leader::new(BUCKET, KEY, client);
    leader.create_bucket().await?;
    let flag = leader.clone();
    let leads = move || {
        // An async function that awaits nothing.
        let status = flag.is_leader().now_or_never();
        matches!(status, Some(earlier::Status::Leader))
    };
    lookout::start(&log, leads)?;
    leader.start(CancellationToken::new()).await?;
    bail!("the election has ended")
}

async fn present(url: &str, log: PathBuf) -> anyhow::Result<()> {
    let client = async_nats::connect(url).await?;
    let leader = LeaderHandle::builder(BUCKET, KEY)
        .lease(Make::Present.lease())
        .start(client)
        .await?;
    let flag = leader.clone();
    lookout::start(&log, move || flag.is_leader())?;
    let mut status = leader.status();
    status
        .wait_for(|status| *status == noleader::Status::Stopped)
        .await?;
    bail!("the election has ended")
}

//! A candidate process: this program with the argument `candidate`.

use std::{ffi::OsString, io, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, bail};
use futures_util::FutureExt;
use noleader::LeaderHandle;
use pico_args::Arguments;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::lookout;

const KEY: &str = "leader";
/// The interval at which a held candidate checks whether it may lead.
const HELD: Duration = Duration::from_millis(100);

/// The version of a candidate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Make {
    /// noleader 0.1.2, from the registry.
    Earlier,
    /// The crate in this repository.
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

    /// The lease: fixed in 0.1.2, and the default of the present version.
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

/// The election that a candidate joins, and its settings.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) bucket: String,
    /// The lease of the present version; that of 0.1.2 is fixed.
    pub(crate) lease: Duration,
    /// The present version warms up until this file exists.
    pub(crate) hold: Option<PathBuf>,
}

impl Part {
    pub(crate) fn new(bucket: &str, lease: Duration) -> Self {
        Self {
            bucket: bucket.to_owned(),
            lease,
            hold: None,
        }
    }

    /// The arguments that [`parse`](Self::parse) reads.
    pub(crate) fn args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec![
            "--bucket".into(),
            self.bucket.clone().into(),
            "--lease-ms".into(),
            self.lease.as_millis().to_string().into(),
        ];
        if let Some(hold) = &self.hold {
            args.extend(["--hold".into(), hold.into()]);
        }
        args
    }

    pub(crate) fn parse(args: &mut Arguments) -> anyhow::Result<Self> {
        Ok(Self {
            bucket: args.value_from_str("--bucket")?,
            lease: Duration::from_millis(args.value_from_str("--lease-ms")?),
            hold: args.opt_value_from_str("--hold")?,
        })
    }
}

/// Campaigns until the process is killed, and logs its flag.
pub(crate) async fn run(make: Make, url: &str, log: PathBuf, part: Part) -> anyhow::Result<()> {
    match make {
        Make::Earlier => earlier(url, log, &part.bucket).await,
        Make::Present => present(url, log, part).await,
    }
}

async fn earlier(url: &str, log: PathBuf, bucket: &str) -> anyhow::Result<()> {
    let client = async_nats_earlier::connect(url).await?;
    let leader = earlier::Leader::new(bucket, KEY, client);
    leader.create_bucket().await?;
    let flag = leader.clone();
    let leads = move || {
        // `is_leader` of 0.1.2 is async, but never pending.
        let status = flag.is_leader().now_or_never();
        matches!(status, Some(earlier::Status::Leader))
    };
    lookout::start(&log, leads)?;
    leader.start(CancellationToken::new()).await?;
    bail!("the election has ended")
}

async fn present(url: &str, log: PathBuf, part: Part) -> anyhow::Result<()> {
    let client = async_nats::connect(url).await?;
    let mut builder = LeaderHandle::builder(part.bucket, KEY).lease(part.lease);
    if let Some(hold) = part.hold {
        builder = builder.warm_up(move |_term| exists(hold.clone()));
    }
    let leader = builder.start(client).await?;
    let flag = leader.clone();
    lookout::start(&log, move || flag.is_leader())?;
    let mut status = leader.watch();
    status
        .wait_for(|status| *status == noleader::Status::Stopped)
        .await?;
    bail!("the election has ended")
}

async fn exists(file: PathBuf) -> io::Result<()> {
    while !file.try_exists()? {
        sleep(HELD).await;
    }
    Ok(())
}

//! A candidate's process, its proxy to the server, and its log.

use std::{
    env,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::Command,
};

use noleader_fixture::{Process, Proxy, Server};

use crate::{
    candidate::{Make, Part},
    claims::{self, Claim},
    look::Line,
};

/// Longer than any line.
const TAIL: u64 = 256;

pub(crate) struct Node {
    pub(crate) process: Process,
    pub(crate) proxy: Proxy,
    log: PathBuf,
}

impl Node {
    pub(crate) async fn start(
        make: Make,
        part: &Part,
        server: &Server,
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let proxy = Proxy::start(server.addr()).await?;
        let mut command = Command::new(env::current_exe()?);
        command
            .args(["candidate", make.name(), &proxy.url()])
            .arg(&log)
            .args(part.args());
        Ok(Self {
            process: Process::spawn(command)?,
            proxy,
            log,
        })
    }

    /// Whether the last line of its log says that it leads.
    pub(crate) fn claims_now(&self) -> bool {
        last_line(&self.log).is_some_and(|line| line.claims())
    }

    /// `None` before the first read of its flag.
    pub(crate) fn has_looked(&self) -> bool {
        last_line(&self.log).is_some()
    }

    pub(crate) fn claims(&self) -> anyhow::Result<Vec<Claim>> {
        claims::read(&self.log)
    }
}

/// The last complete line of a log, if there is one.
fn last_line(log: &Path) -> Option<Line> {
    let mut file = File::open(log).ok()?;
    let end = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(end.saturating_sub(TAIL))).ok()?;
    let mut tail = String::new();
    file.read_to_string(&mut tail).ok()?;
    let whole = &tail[..=tail.rfind('\n')?];
    whole.lines().last()?.parse().ok()
}

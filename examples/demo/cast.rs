//! The processes on stage.

use std::{env, process::Command, time::Duration};

use noleader_fixture::{Port, Process, Server};

use crate::traffic::Sender;

/// How long a replica may take to start, on a very slow machine.
const BOUND: Duration = Duration::from_secs(60);

/// A replica: its process, and the client that writes to it.
pub(crate) struct Replica {
    pub(crate) name: &'static str,
    pub(crate) process: Process,
    pub(crate) sender: Sender,
    nats_url: String,
    /// Stays reserved while the replica is down.
    port: Port,
}

impl Replica {
    pub(crate) async fn start(name: &'static str, nats: &Server) -> anyhow::Result<Self> {
        let (port, nats_url) = (Port::reserve()?, nats.url());
        Ok(Self {
            name,
            process: launch(name, &port, &nats_url).await?,
            sender: Sender::new(format!("http://{}", port.addr())),
            nats_url,
            port,
        })
    }

    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.process = launch(self.name, &self.port, &self.nats_url).await?;
        Ok(())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.port.addr())
    }
}

/// Runs this program again, as a replica, and returns once it listens.
async fn launch(name: &str, port: &Port, nats_url: &str) -> anyhow::Result<Process> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["replica", name, &port.addr().to_string(), nats_url]);
    let mut process = Process::spawn_with_stdout(command)?;
    process
        .wait_for_line(|line| line == "listening", BOUND)
        .await?;
    Ok(process)
}

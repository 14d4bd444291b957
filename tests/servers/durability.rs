//! The durable configuration of docs/nats.md, and the command with which the page checks it.

use std::{fs, path::Path, process::Command, time::Duration};

use noleader::LeaderHandle;
use noleader_fixture::{Port, Process, eventually, nats_server};
use serde_json::Value;

use crate::support::{BOUND, elected};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/nats.md");

/// A server with this `jetstream` block and a monitoring port.
struct Monitored {
    _process: Process,
    listen: Port,
    monitor: Port,
}

impl Monitored {
    fn start(folder: &Path, jetstream: &str) -> Self {
        let [listen, monitor] = [(); 2].map(|()| Port::reserve().unwrap());
        let (config, data) = (folder.join("nats.conf"), folder.join("data"));
        let text = format!(
            "listen: \"{}\"\nhttp: \"{}\"\n{}",
            listen.addr(),
            monitor.addr(),
            jetstream.replace("/var/lib/nats", &data.to_string_lossy())
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(nats_server().unwrap());
        command.arg("-c").arg(config);
        Self {
            _process: Process::spawn(command).unwrap(),
            listen,
            monitor,
        }
    }

    /// The `jetstream.config` of `/varz`.
    async fn jetstream(&self) -> Value {
        let url = format!("http://{}/varz", self.monitor.addr());
        let text = async || reqwest::get(&url).await.ok()?.text().await.ok();
        let text = eventually("the monitoring port", BOUND, text)
            .await
            .unwrap();
        let varz: Value = serde_json::from_str(&text).unwrap();
        // The page shows these lines with grep.
        assert!(text.lines().any(|line| line.contains("sync_interval")));
        varz["jetstream"]["config"].clone()
    }
}

#[tokio::test]
async fn monitoring_port_shows_the_durable_setting() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (_, durable) = page.split_once("```nats durable\n").unwrap();
    let (durable, _) = durable.split_once("```").unwrap();
    assert!(page.contains("The line `\"sync_always\": true` must be there."));
    let usual = durable.replace("sync_interval: always\n", "");
    assert_ne!(usual, durable);

    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let server = Monitored::start(folders[0].path(), &usual);
    let config = server.jetstream().await;
    assert_eq!(config.get("sync_always"), None, "{config}");
    assert_eq!(config["sync_interval"], 120_000_000_000_u64, "{config}");

    let server = Monitored::start(folders[1].path(), durable);
    let config = server.jetstream().await;
    assert_eq!(config["sync_always"], true, "{config}");
    assert_eq!(config["sync_interval"], 120_000_000_000_u64, "{config}");
    // An election works while each write is synced.
    let client = async_nats::connect(server.listen.addr().to_string()).await;
    let leader = LeaderHandle::builder("orders", "writer").lease(Duration::from_secs(2));
    let leader = leader.start(client.unwrap()).await.unwrap();
    elected(&leader).await;
}

//! A bucket in another JetStream domain, reached over a leaf node.

use std::{fs, path::Path, process::Command};

use async_nats::{Client, jetstream};
use noleader::{LeaderHandle, store::JetStream};
use noleader_fixture::{Port, Process, eventually, nats_server};

use crate::{
    lines::Lines,
    support::{BOUND, LEASE, Watchman, candidate, elected, follows},
};

/// A nats-server with a JetStream domain; the fixture's servers have none.
struct Domain {
    _process: Process,
    client: Client,
}

impl Domain {
    async fn start(folder: &Path, name: &str, port: &Port, leafnodes: &str) -> Self {
        let data = folder.join(name);
        let text = format!(
            "listen: \"{}\"\nserver_name: {name}\n\
             jetstream {{ domain: {name}, store_dir: {data:?} }}\nleafnodes {{ {leafnodes} }}\n",
            port.addr()
        );
        let config = folder.join(format!("{name}.conf"));
        fs::write(&config, text).unwrap();
        let mut command = Command::new(nats_server().unwrap());
        command.arg("-c").arg(config);
        let process = Process::spawn(command).unwrap();
        let url = format!("nats://{}", port.addr());
        let connect = async || async_nats::connect(&url).await.ok();
        let client = eventually(format!("{name} to listen"), BOUND, connect)
            .await
            .unwrap();
        Self {
            _process: process,
            client,
        }
    }
}

#[tokio::test]
async fn candidates_in_two_domains_share_one_election() {
    let folder = tempfile::tempdir().unwrap();
    let ports = [(); 3].map(|()| Port::reserve().unwrap());
    let listen = format!("listen: \"{}\"", ports[1].addr());
    let hub = Domain::start(folder.path(), "hub", &ports[0], &listen).await;
    let remote = format!("remotes [ {{ url: \"nats://{}\" }} ]", ports[1].addr());
    let leaf = Domain::start(folder.path(), "leaf", &ports[2], &remote).await;
    let far = jetstream::with_domain(leaf.client.clone(), "hub");
    let linked = async || far.query_account().await.ok();
    eventually("the leaf to reach the hub", BOUND, linked)
        .await
        .unwrap();
    // The leaf's own bucket of the same name must not be used instead of the hub's.
    let decoy = jetstream::kv::Config {
        bucket: "elections".to_owned(),
        ..Default::default()
    };
    jetstream::new(leaf.client.clone())
        .create_key_value(decoy)
        .await
        .unwrap();

    let a = candidate("a").start(hub.client.clone()).await.unwrap();
    elected(&a).await;
    let store = JetStream::new(leaf.client.clone(), "elections", "writer").domain("hub");
    let b = LeaderHandle::with_store(store).id("b").lease(LEASE);
    let b = b.start().await.unwrap();
    follows(&b, "a").await;
    let watchman = Watchman::over(&[&a, &b]);
    a.step_down().await.unwrap();
    elected(&b).await;
    follows(&a, "b").await;
    b.step_down().await.unwrap();
    elected(&a).await;
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn a_hub_that_is_not_there_yet_is_waited_out() {
    let (lines, _guard) = Lines::collect();
    let folder = tempfile::tempdir().unwrap();
    let ports = [(); 3].map(|()| Port::reserve().unwrap());
    let remote = format!("remotes [ {{ url: \"nats://{}\" }} ]", ports[1].addr());
    let leaf = Domain::start(folder.path(), "leaf", &ports[2], &remote).await;
    let store = JetStream::new(leaf.client.clone(), "elections", "writer").domain("hub");
    let a = LeaderHandle::with_store(store).lease(LEASE);
    let a = a.start().await.unwrap();
    let parts = ["WARN", "waiting for the lease store", "$JS.hub.API"];
    lines.until(&parts).await;
    let listen = format!("listen: \"{}\"", ports[1].addr());
    let _hub = Domain::start(folder.path(), "hub", &ports[0], &listen).await;
    elected(&a).await;
}

//! A bucket in another JetStream domain, reached over a leaf node.

use std::{fs, path::Path, process::Command};

use async_nats::{Client, jetstream};
use noleader::{
    LeaderHandle,
    store::{JetStream, LeaseStore, StoreError},
};
use noleader_fixture::{Port, Process, eventually, nats_server};
use tempfile::TempDir;

use crate::{
    lines::Lines,
    support::{BOUND, LEASE, Watchman, candidate, elected, follows, steady},
};

/// A nats-server with a JetStream domain; the fixture's servers have none.
pub(crate) struct Domain {
    _process: Process,
    pub(crate) client: Client,
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

/// A hub, and a leaf node that reaches it.
pub(crate) struct Linked {
    pub(crate) hub: Domain,
    pub(crate) leaf: Domain,
    // Dropped after the servers.
    _ports: [Port; 3],
    _folder: TempDir,
}

pub(crate) async fn linked() -> Linked {
    let folder = tempfile::tempdir().unwrap();
    let ports = [(); 3].map(|()| Port::reserve().unwrap());
    let listen = format!("listen: \"{}\"", ports[1].addr());
    let hub = Domain::start(folder.path(), "hub", &ports[0], &listen).await;
    let remote = format!("remotes [ {{ url: \"nats://{}\" }} ]", ports[1].addr());
    let leaf = Domain::start(folder.path(), "leaf", &ports[2], &remote).await;
    let far = jetstream::with_domain(leaf.client.clone(), "hub");
    let is_linked = async || far.query_account().await.ok();
    eventually("the leaf to reach the hub", BOUND, is_linked)
        .await
        .unwrap();
    Linked {
        hub,
        leaf,
        _ports: ports,
        _folder: folder,
    }
}

#[tokio::test]
async fn candidates_in_two_domains_share_one_election() {
    let Linked { hub, leaf, .. } = &linked().await;
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
async fn candidate_insists_on_its_domain() {
    let (lines, _guard) = Lines::collect();
    let folder = tempfile::tempdir().unwrap();
    let ports = [(); 3].map(|()| Port::reserve().unwrap());
    // The hub is not there yet. The leaf has JetStream, but in another domain.
    let remote = format!("remotes [ {{ url: \"nats://{}\" }} ]", ports[1].addr());
    let leaf = Domain::start(folder.path(), "leaf", &ports[2], &remote).await;
    let store = || JetStream::new(leaf.client.clone(), "elections", "writer").domain("hub");
    let error = store().prepare(LEASE).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let StoreError::ApiUnreachable { subject } = error else {
        panic!("{error:?}");
    };
    assert_eq!(subject, "$JS.hub.API.STREAM.INFO.KV_elections");
    let a = LeaderHandle::with_store(store()).lease(LEASE);
    let a = a.start().await.unwrap();
    lines
        .until(&["WARN", "waiting for the lease store", "$JS.hub.API"])
        .await;
    // Nothing was created in the other domain.
    let local = jetstream::new(leaf.client.clone());
    assert!(local.get_stream("KV_elections").await.is_err());

    let listen = format!("listen: \"{}\"", ports[1].addr());
    let hub = Domain::start(folder.path(), "hub", &ports[0], &listen).await;
    elected(&a).await;
    jetstream::new(hub.client.clone())
        .get_stream("KV_elections")
        .await
        .unwrap();
    assert!(local.get_stream("KV_elections").await.is_err());
    a.shutdown().await.unwrap();

    // The name also holds at the hub itself, and no other name does.
    let at_hub = |domain| JetStream::new(hub.client.clone(), "elections", "writer").domain(domain);
    at_hub("hub").prepare(LEASE).await.unwrap();
    let error = at_hub("leaf2").prepare(LEASE).await.unwrap_err();
    assert!(
        matches!(error, StoreError::ApiUnreachable { .. }),
        "{error:?}"
    );
}

/// This is documented as a mistake to avoid.
#[tokio::test]
async fn without_domain_hub_and_leaf_elect_two_leaders() {
    let folder = tempfile::tempdir().unwrap();
    let ports = [(); 3].map(|()| Port::reserve().unwrap());
    let listen = format!("listen: \"{}\"", ports[1].addr());
    let hub = Domain::start(folder.path(), "hub", &ports[0], &listen).await;
    let remote = format!("remotes [ {{ url: \"nats://{}\" }} ]", ports[1].addr());
    let leaf = Domain::start(folder.path(), "leaf", &ports[2], &remote).await;
    let a = steady("a").start(hub.client.clone()).await.unwrap();
    let b = steady("b").start(leaf.client.clone()).await.unwrap();
    let (a, b) = (elected(&a).await, elected(&b).await);
    assert!(a.is_current() && b.is_current());
}

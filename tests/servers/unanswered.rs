//! Requests that are never answered leave nothing behind.

use std::{fs, future::Future};

use async_nats::Client;
use futures_util::{StreamExt, future::join_all};
use noleader::store::{JetStream, LeaseStore};
use noleader_fixture::{Server, eventually};

use crate::support::{BOUND, LEASE};

/// The requests that are in progress at the same time.
const AT_ONCE: usize = 50;

/// An API without a server behind it: a client receives every request, and answers none.
const DEAF: &str = "DEAF";

/// The resident memory of this process in KiB.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.unwrap().trim().trim_end_matches(" kB");
    size.parse().unwrap()
}

struct Deaf {
    store: JetStream,
    received: async_nats::Subscriber,
}

impl Deaf {
    async fn new(server: &Server, client: Client) -> Self {
        let other = server.client().await.unwrap();
        let mut received = other.subscribe(format!("{DEAF}.>")).await.unwrap();
        // The server knows the subscription once it delivers to it.
        let ready = format!("{DEAF}.ready");
        other.publish(ready, "".into()).await.unwrap();
        received.next().await.unwrap();
        let store = JetStream::new(client, "elections", "writer").api_prefix(DEAF);
        Self { store, received }
    }

    /// Sends requests, and drops each once it has arrived.
    async fn send<F: Future>(&mut self, times: usize, request: impl Fn(&JetStream) -> F) {
        for _ in 0..times / AT_ONCE {
            let requests = join_all((0..AT_ONCE).map(|_| request(&self.store)));
            let arrived = self.received.by_ref().take(AT_ONCE).count();
            tokio::select! {
                biased;
                _ = requests => panic!("a response"),
                arrived = arrived => assert_eq!(arrived, AT_ONCE),
            }
        }
    }

    async fn send_each_kind(&mut self, times: usize) {
        self.send(times, |store| {
            let store = store.clone();
            async move { store.read().await }
        })
        .await;
        self.send(times, |store| {
            let store = store.clone();
            async move { store.write(1, b"a".to_vec()).await }
        })
        .await;
        self.send(times, |store| {
            let store = store.clone();
            async move { store.watch().await.map(drop) }
        })
        .await;
        self.send(times, |store| {
            let store = store.clone();
            async move { store.prepare(LEASE).await }
        })
        .await;
    }
}

/// The number of subscriptions that the server counts.
async fn subscriptions(url: &str) -> Option<u64> {
    let report = reqwest::get(format!("{url}/subsz")).await.ok()?;
    let report: serde_json::Value = serde_json::from_str(&report.text().await.ok()?).ok()?;
    report["num_subscriptions"].as_u64()
}

#[tokio::test]
async fn unanswered_requests_leave_nothing_behind() {
    let monitor = noleader_fixture::Port::reserve().unwrap();
    let config = format!("http: \"{}\"", monitor.addr());
    let server = Server::builder().config(config).start().await.unwrap();
    let monitor = format!("http://{}", monitor.addr());
    let client = server.client().await.unwrap();
    let mut deaf = Deaf::new(&server, client.clone()).await;
    // Buffers and maps grow to their size.
    deaf.send_each_kind(1000).await;
    let counted = async || subscriptions(&monitor).await;
    let few = eventually("a count", BOUND, counted).await.unwrap();
    let before = resident();
    deaf.send_each_kind(5000).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 1024, "{grown} KiB after 20,000 requests");

    client.flush().await.unwrap();
    let few = async || (subscriptions(&monitor).await? <= few).then_some(());
    eventually("the end of each subscription", BOUND, few)
        .await
        .unwrap();
}

//! Requests that are never answered leave nothing behind.

use std::{collections::BTreeSet, fs, future::Future};

use async_nats::Client;
use futures_util::{
    StreamExt,
    future::{join, join_all},
};
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

/// A copy of this process has the same inboxes and counters. It must not repeat a reply subject, since it would take the
/// response to a write of this process for one to its own.
#[tokio::test]
async fn reply_subjects_are_random() {
    /// The digits of 128 random bits.
    const DIGITS: usize = 32;
    let server = Server::start().await.unwrap();
    let Deaf { store, received } = Deaf::new(&server, server.client().await.unwrap()).await;
    let other = server.client().await.unwrap();
    let answers = async move {
        let replies = received.take(6).then(async |request| {
            let reply = request.reply.unwrap();
            other.publish(reply.clone(), "{}".into()).await.unwrap();
            reply.to_string()
        });
        replies.collect::<Vec<_>>().await
    };
    let requests = async {
        // One after the other, so that they have one inbox.
        for _ in 0..3 {
            let _ = store.write(1, b"a".to_vec()).await;
            let _ = store.read().await;
        }
    };
    let (replies, ()) = join(answers, requests).await;
    let split = |reply: &String| {
        let (inbox, number) = reply.rsplit_once('.').unwrap();
        (inbox.to_owned(), number.to_owned())
    };
    let (inboxes, numbers): (BTreeSet<_>, BTreeSet<_>) = replies.iter().map(split).unzip();
    assert_eq!(inboxes.len(), 1, "{replies:?}");
    assert_eq!(numbers.len(), 6, "{replies:?}");
    let is_random = |number: &String| number.len() == DIGITS;
    assert!(numbers.iter().all(is_random), "{replies:?}");
}

/// The number of subscriptions that the server counts.
async fn subscriptions(url: &str) -> Option<u64> {
    let report = reqwest::get(format!("{url}/subsz")).await.ok()?;
    let report: serde_json::Value = serde_json::from_str(&report.text().await.ok()?).ok()?;
    report["num_subscriptions"].as_u64()
}

/// A server, and the address at which it is monitored.
async fn monitored() -> (Server, String) {
    let monitor = noleader_fixture::Port::reserve().unwrap();
    let config = format!("http: \"{}\"", monitor.addr());
    let server = Server::builder().config(config).start().await.unwrap();
    (server, format!("http://{}", monitor.addr()))
}

#[tokio::test]
async fn many_requests_at_once_leave_few_subscriptions() {
    let (server, monitor) = monitored().await;
    let client = server.client().await.unwrap();
    let store = JetStream::new(client.clone(), "elections", "writer");
    store.prepare(LEASE).await.unwrap();
    let counted = async || subscriptions(&monitor).await;
    let before = eventually("a count", BOUND, counted).await.unwrap();
    let reads = join_all((0..AT_ONCE).map(|_| store.read()));
    assert!(reads.await.iter().all(Result::is_ok));
    let few = async || (subscriptions(&monitor).await? < before + 5).then_some(());
    eventually("the end of most subscriptions", BOUND, few)
        .await
        .unwrap();
}

#[tokio::test]
async fn unanswered_requests_leave_nothing_behind() {
    let (server, monitor) = monitored().await;
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

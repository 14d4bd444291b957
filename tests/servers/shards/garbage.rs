//! Other clients that write to the keys of the bucket, or delete them.

use async_nats::{Client, HeaderMap};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use noleader::Shards;
use noleader_fixture::Server;

use super::{BUCKET, COUNT, Tokens, all_open_after, join, lost, spread, tokens, used_before};
use crate::lines::Lines;

/// Nodes that lead all shards, and a client that does not follow the protocol.
struct Scene {
    nodes: Vec<Shards>,
    before: Tokens,
    intruder: Client,
    _server: Server,
}

impl Scene {
    async fn start(ids: &[&str]) -> Self {
        let server = Server::start().await.unwrap();
        used_before(server.client().await.unwrap(), ids, 1).await;
        let mut nodes = Vec::new();
        for id in ids {
            nodes.push(join(&server, id).await);
        }
        let before = spread(&nodes.iter().collect::<Vec<_>>()).await;
        Self {
            before,
            nodes,
            intruder: server.client().await.unwrap(),
            _server: server,
        }
    }

    async fn put(&self, key: &str, value: impl Into<Vec<u8>>) {
        self.send(key, HeaderMap::new(), value.into()).await;
    }

    /// Deletes a key, as `nats kv del` does.
    async fn delete(&self, key: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("KV-Operation", "DEL");
        self.send(key, headers, Vec::new()).await;
    }

    async fn send(&self, key: &str, headers: HeaderMap, value: Vec<u8>) {
        let subject = format!("$KV.{BUCKET}.{key}");
        let sent = self
            .intruder
            .request_with_headers(subject, headers, value.into());
        let answer = sent.await.unwrap().payload;
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer.get("error"), None, "{key}");
    }

    fn nodes(&self) -> Vec<&Shards> {
        self.nodes.iter().collect()
    }

    /// Waits until one shard is open under a later token. The others have gone on under theirs.
    async fn only_this_was_lost(&mut self, shard: u32) {
        let before = Tokens::from([(shard, self.before[&shard])]);
        let mut after = all_open_after(&before, &self.nodes()).await;
        let again = after.insert(shard, self.before[&shard]);
        assert_eq!(after, self.before);
        self.before.extend(again.map(|token| (shard, token)));
    }

    /// Waits until the first node has lost its session, and all is open again. The others have lost nothing.
    async fn only_the_first_was_lost(&self) {
        lost(&self.nodes[0]).await;
        let theirs = tokens(&self.nodes()[1..]);
        assert!(!theirs.is_empty());
        let mut mine = self.before.clone();
        for (shard, token) in theirs {
            assert_eq!(mine.remove(&shard), Some(token));
        }
        all_open_after(&mine, &self.nodes()).await;
    }
}

fn session_key(id: &str) -> String {
    format!("s.{}", URL_SAFE_NO_PAD.encode(id))
}

const GARBAGE: [&str; 3] = ["garbage", "{}", r#"{"v":1}"#];

#[tokio::test]
async fn garbage_in_a_shard_ends_its_term_only() {
    let (lines, _guard) = Lines::collect();
    let mut scene = Scene::start(&["a"]).await;
    for garbage in GARBAGE {
        scene.put("o.7", garbage).await;
        scene.only_this_was_lost(7).await;
    }
    let logged = lines.with(&[" WARN ", "lost the shard", "overwritten or deleted"]);
    assert_eq!(logged.len(), GARBAGE.len(), "{lines}");
    let logged = lines.with(&[" WARN ", "does not contain a record", "key=o.7"]);
    assert_eq!(logged.len(), GARBAGE.len(), "{lines}");
}

#[tokio::test]
async fn a_deleted_shard_ends_its_term_only() {
    let mut scene = Scene::start(&["a"]).await;
    scene.delete("o.7").await;
    scene.only_this_was_lost(7).await;
}

#[tokio::test]
async fn a_large_value_in_a_shard_ends_its_term_only() {
    let mut scene = Scene::start(&["a"]).await;
    scene.put("o.7", vec![b'{'; 500_000]).await;
    scene.only_this_was_lost(7).await;
}

#[tokio::test]
async fn garbage_in_a_session_ends_that_session_only() {
    let (lines, _guard) = Lines::collect();
    let scene = Scene::start(&["a", "b"]).await;
    scene.put(&session_key("a"), "garbage").await;
    scene.only_the_first_was_lost().await;
    let why = "lost all shards: the record of this node was overwritten";
    assert_eq!(lines.with(&[" WARN ", why]).len(), 1, "{lines}");
    let key = format!("key={}", session_key("a"));
    let logged = lines.with(&[" WARN ", "does not contain a record", &key]);
    assert_eq!(logged.len(), 2, "both nodes: {lines}");
}

#[tokio::test]
async fn a_deleted_session_ends_that_session_only() {
    let (lines, _guard) = Lines::collect();
    let scene = Scene::start(&["a", "b"]).await;
    scene.delete(&session_key("a")).await;
    scene.only_the_first_was_lost().await;
    let why = "lost all shards: the record of this node was deleted";
    assert_eq!(lines.with(&[" WARN ", why]).len(), 1, "{lines}");
}

#[tokio::test]
async fn other_keys_disturb_nothing() {
    let (lines, _guard) = Lines::collect();
    let scene = Scene::start(&["a", "b"]).await;
    let most = format!("o.{COUNT}");
    let unknown = [
        "x", "cfg.a", "s.!", "s.YQ.b", "o.01", "o.-1", "o.1.2", "o.a", &most,
    ];
    for key in unknown {
        scene.put(key, "garbage").await;
        scene.delete(key).await;
    }
    // A node of which only garbage is known.
    scene.put(&session_key("c"), "garbage").await;
    let key = format!("key={}", session_key("c"));
    lines.until(&["does not contain a record", &key]).await;
    // Everything up to here was delivered, since each renewal is.
    let renewals = lines.with(&["renewed the session"]).len();
    let renewed =
        async || (lines.with(&["renewed the session"]).len() > renewals + 3).then_some(());
    noleader_fixture::eventually("renewals", crate::support::BOUND, renewed)
        .await
        .unwrap();
    assert_eq!(tokens(&scene.nodes()), scene.before);
}

/// A configuration that cannot be read, one of other nodes, and none.
#[tokio::test]
async fn another_configuration_ends_all_sessions_until_it_is_put_back() {
    let (lines, _guard) = Lines::collect();
    let mut scene = Scene::start(&["a", "b"]).await;
    let ours = format!(r#"{{"v":1,"shards":{COUNT},"lease_ms":6000,"hash":"xxh64"}}"#);
    let other = ours.replace("12", "13");
    assert_ne!(ours, other);
    for (config, why) in [
        ("garbage", "has a record `cfg` that cannot be read"),
        (
            &other,
            "start each node with 13 shards, or use another bucket",
        ),
        (&ours.replace("6000", "5000"), "a lease of 5000 ms"),
    ] {
        scene.put("cfg", config).await;
        for node in scene.nodes() {
            lost(node).await;
        }
        let used = "the bucket of the shards cannot be used; retrying";
        let line = [" ERROR ", used, why];
        let still = ["still waiting for the bucket of the shards", why];
        let logged = async || {
            let known = lines.with(&line).into_iter().chain(lines.with(&still));
            known.into_iter().next()
        };
        noleader_fixture::eventually(why, crate::support::BOUND, logged)
            .await
            .unwrap();
        assert!(tokens(&scene.nodes()).is_empty());
        scene.put("cfg", &*ours).await;
        scene.before = all_open_after(&scene.before, &scene.nodes()).await;
    }
    let ended = [
        " ERROR ",
        "lost all shards: the configuration in the bucket was deleted or changed",
    ];
    assert_eq!(lines.with(&ended).len(), 6, "{lines}");
}

#[tokio::test]
async fn a_deleted_configuration_is_written_again() {
    let scene = Scene::start(&["a", "b"]).await;
    scene.delete("cfg").await;
    all_open_after(&scene.before, &scene.nodes()).await;
    for node in scene.nodes() {
        node.shutdown().await.unwrap();
    }
}

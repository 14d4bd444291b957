//! What every store of sharded leadership does, in memory as on a server.

use async_nats::{
    HeaderMap,
    jetstream::{self, Context},
};
use noleader::store::{
    Delivery, ElectionName, JetStreamShards, MemoryShards, ShardStore, WriteError,
};
use noleader_fixture::Server;

use super::{BUCKET, STREAM, catch_up, end, next, record, seen, store, store_on, write};
use crate::support::LEASE;

/// What others may do to the bucket of a store.
trait Bucket {
    fn store(&self) -> impl ShardStore;
    async fn overwrite(&self, key: &str, value: &'static str) -> u64;
    async fn delete(&self, key: &str) -> u64;
    async fn recreate(&self);
}

impl Bucket for MemoryShards {
    fn store(&self) -> impl ShardStore {
        self.clone()
    }

    async fn overwrite(&self, key: &str, value: &'static str) -> u64 {
        Self::overwrite(self, key, value)
    }

    async fn delete(&self, key: &str) -> u64 {
        Self::delete(self, key)
    }

    async fn recreate(&self) {
        Self::recreate(self);
    }
}

struct OnServer {
    _server: Server,
    store: JetStreamShards,
    context: Context,
}

impl OnServer {
    async fn start() -> Self {
        let server = Server::start().await.unwrap();
        Self {
            store: store_on(&server).await,
            context: jetstream::new(server.client().await.unwrap()),
            _server: server,
        }
    }

    async fn put(&self, key: &str, headers: HeaderMap, value: &'static str) -> u64 {
        let subject = format!("$KV.{BUCKET}.{key}");
        let sent = self
            .context
            .publish_with_headers(subject, headers, value.into());
        sent.await.unwrap().await.unwrap().sequence
    }
}

impl Bucket for OnServer {
    fn store(&self) -> impl ShardStore {
        self.store.clone()
    }

    async fn overwrite(&self, key: &str, value: &'static str) -> u64 {
        self.put(key, HeaderMap::new(), value).await
    }

    async fn delete(&self, key: &str) -> u64 {
        let mut headers = HeaderMap::new();
        headers.insert("KV-Operation", "DEL");
        self.put(key, headers, "").await
    }

    async fn recreate(&self) {
        self.context.delete_stream(STREAM).await.unwrap();
        self.store.prepare(LEASE).await.unwrap();
    }
}

/// One test of each case for each store.
macro_rules! contract {
    ($($case:ident)*) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(noleader::store::MemoryShards::new()).await;
            })*
        }

        mod on_a_server {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::OnServer::start().await).await;
            })*
        }
    };
}

contract! {
    a_write_is_a_compare_and_set_of_its_key
    a_deleted_key_is_absent_with_a_revision
    an_empty_bucket_has_caught_up_at_once
    a_watch_begins_with_the_record_of_each_key
    a_watch_begins_after_a_revision
    a_deletion_is_delivered
    several_watches_count_for_themselves
    a_recreated_bucket_has_another_epoch
}

async fn a_write_is_a_compare_and_set_of_its_key(bucket: impl Bucket) {
    let store = bucket.store();
    assert_eq!(store.read("o.1").await.unwrap(), seen(0, None));
    let a = write(&store, "o.1", "a").await;
    let b = write(&store, "o.2", "b").await;
    assert!(b > a, "{b} after {a}");
    for wrong in [0, a - 1, b, b + 1, u64::MAX] {
        let refused = store.write("o.1", wrong, b"c".to_vec(), None).await;
        assert!(matches!(refused, Err(WriteError::Conflict)), "{refused:?}");
    }
    // The revision of another key is no obstacle.
    let c = store.write("o.1", a, b"c".to_vec(), None).await.unwrap();
    assert!(c > b, "{c} after {b}");
    assert_eq!(store.read("o.1").await.unwrap(), seen(c, Some("c")));
    assert_eq!(store.read("o.2").await.unwrap(), seen(b, Some("b")));
    let late = store.write("o.1", a, b"d".to_vec(), None).await;
    assert!(matches!(late, Err(WriteError::Conflict)), "{late:?}");
}

async fn a_deleted_key_is_absent_with_a_revision(bucket: impl Bucket) {
    let store = bucket.store();
    let a = write(&store, "o.1", "a").await;
    let marker = bucket.delete("o.1").await;
    assert_eq!(store.read("o.1").await.unwrap(), seen(marker, None));
    for wrong in [0, a] {
        let refused = store.write("o.1", wrong, b"b".to_vec(), None).await;
        assert!(matches!(refused, Err(WriteError::Conflict)), "{refused:?}");
    }
    let b = store.write("o.1", marker, b"b".to_vec(), None).await;
    assert_eq!(
        store.read("o.1").await.unwrap(),
        seen(b.unwrap(), Some("b"))
    );
}

async fn an_empty_bucket_has_caught_up_at_once(bucket: impl Bucket) {
    let store = bucket.store();
    let mut watch = store.watch(0).await.unwrap();
    let first = next(&mut watch).await.unwrap();
    assert_eq!(first, Delivery::CaughtUp { index: 0 });
    let a = write(&store, "o.1", "a").await;
    assert!(watch.last_revision() < a);
    let second = next(&mut watch).await.unwrap();
    assert_eq!(second, record(1, "o.1", a, Some("a")));
}

async fn a_watch_begins_with_the_record_of_each_key(bucket: impl Bucket) {
    let store = bucket.store();
    let a = write(&store, "o.1", "a").await;
    let b = write(&store, "o.2", "b").await;
    let c = write(&store, "s.bm9kZS03", "c").await;
    let d = store.write("o.1", a, b"d".to_vec(), None).await.unwrap();
    let mut watch = store.watch(0).await.unwrap();
    assert_eq!(watch.last_revision(), d);
    let all = [
        record(1, "o.2", b, Some("b")),
        record(2, "s.bm9kZS03", c, Some("c")),
        record(3, "o.1", d, Some("d")),
        Delivery::CaughtUp { index: 3 },
    ];
    assert_eq!(catch_up(&mut watch).await, all);
    let e = bucket.overwrite("o.2", "e").await;
    let later = next(&mut watch).await.unwrap();
    assert_eq!(later, record(4, "o.2", e, Some("e")));
}

async fn a_watch_begins_after_a_revision(bucket: impl Bucket) {
    let store = bucket.store();
    let a = write(&store, "o.1", "a").await;
    let b = write(&store, "o.2", "b").await;
    let mut watch = store.watch(a).await.unwrap();
    let later = [
        record(1, "o.2", b, Some("b")),
        Delivery::CaughtUp { index: 1 },
    ];
    assert_eq!(catch_up(&mut watch).await, later);

    // After the last one, and after one that the bucket has lost.
    for after in [b, b + 5] {
        let mut watch = store.watch(after).await.unwrap();
        assert_eq!(watch.last_revision(), b, "{after}");
        let first = next(&mut watch).await.unwrap();
        assert_eq!(first, Delivery::CaughtUp { index: 0 }, "{after}");
    }
}

async fn a_deletion_is_delivered(bucket: impl Bucket) {
    let store = bucket.store();
    write(&store, "o.1", "a").await;
    let marker = bucket.delete("o.1").await;
    let mut watch = store.watch(0).await.unwrap();
    let all = [
        record(1, "o.1", marker, None),
        Delivery::CaughtUp { index: 1 },
    ];
    assert_eq!(catch_up(&mut watch).await, all);
    let b = bucket.overwrite("o.1", "b").await;
    assert_eq!(
        next(&mut watch).await.unwrap(),
        record(2, "o.1", b, Some("b"))
    );
    let again = bucket.delete("o.1").await;
    assert_eq!(
        next(&mut watch).await.unwrap(),
        record(3, "o.1", again, None)
    );
}

async fn several_watches_count_for_themselves(bucket: impl Bucket) {
    let store = bucket.store();
    let a = write(&store, "o.1", "a").await;
    let mut first = store.watch(0).await.unwrap();
    catch_up(&mut first).await;
    let b = write(&store, "o.2", "b").await;
    let mut second = store.watch(a).await.unwrap();
    drop(store.watch(0).await.unwrap());
    let c = write(&store, "o.3", "c").await;
    assert_eq!(
        next(&mut first).await.unwrap(),
        record(2, "o.2", b, Some("b"))
    );
    assert_eq!(
        next(&mut first).await.unwrap(),
        record(3, "o.3", c, Some("c"))
    );
    catch_up(&mut second).await;
    assert_eq!(
        next(&mut second).await.unwrap(),
        record(2, "o.3", c, Some("c"))
    );
}

async fn a_recreated_bucket_has_another_epoch(bucket: impl Bucket) {
    let store = bucket.store();
    let a = write(&store, "o.1", "a").await;
    let mut before = store.watch(0).await.unwrap();
    let same = store.watch(0).await.unwrap();
    assert_eq!(before.epoch(), same.epoch());
    bucket.recreate().await;
    end(&mut before).await;
    let mut after = store.watch(0).await.unwrap();
    assert_ne!(after.epoch(), before.epoch());
    let first = next(&mut after).await.unwrap();
    assert_eq!(first, Delivery::CaughtUp { index: 0 });
    assert_eq!(store.read("o.1").await.unwrap(), seen(0, None));
    let b = write(&store, "o.1", "b").await;
    assert!(b > a, "the bucket repeats revision {b}");
}

/// An outage, and a record that is removed without a marker: only the store in memory has these faults.
#[tokio::test]
async fn memory_fails_in_an_outage_and_loses_what_is_removed() {
    let bucket = MemoryShards::named("b");
    assert_eq!(bucket.name(), ElectionName::new("b", "shards"));
    let a = write(&bucket, "o.1", "a").await;
    let mut watch = bucket.watch(0).await.unwrap();
    catch_up(&mut watch).await;
    bucket.set_outage(true);
    assert!(bucket.read("o.1").await.is_err());
    assert!(bucket.watch(0).await.is_err());
    let failed = bucket.write("o.1", a, b"b".to_vec(), None).await;
    assert!(matches!(failed, Err(WriteError::Failed(_))), "{failed:?}");
    bucket.overwrite("o.1", "b");
    let c = bucket.overwrite("o.1", "c");
    let silent = futures_util::FutureExt::now_or_never(futures_util::StreamExt::next(&mut watch));
    assert!(silent.is_none(), "{silent:?}");
    bucket.set_outage(false);
    assert_eq!(
        next(&mut watch).await.unwrap(),
        record(2, "o.1", c, Some("c"))
    );

    bucket.remove("o.1");
    assert_eq!(bucket.get("o.1"), seen(0, None));
    let mut watch = bucket.watch(0).await.unwrap();
    assert_eq!(watch.last_revision(), c);
    let first = next(&mut watch).await.unwrap();
    assert_eq!(first, Delivery::CaughtUp { index: 0 });
    assert!(write(&bucket, "o.1", "d").await > c);
}

/// A clone of a store and another store of the same bucket share what is in it.
#[tokio::test]
async fn stores_of_one_bucket_see_each_other() {
    let server = Server::start().await.unwrap();
    let first = store_on(&server).await;
    let second = store(server.client().await.unwrap()).await;
    let a = write(&first, "o.1", "a").await;
    assert_eq!(second.read("o.1").await.unwrap(), seen(a, Some("a")));
    let shared = std::sync::Arc::new(second);
    assert_eq!(shared.name(), ElectionName::new(BUCKET, "shards"));
    assert!(shared.write("o.1", a, b"b".to_vec(), None).await.unwrap() > a);
}

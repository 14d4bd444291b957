//! The permissions for the bucket of shards in docs/nats.md are sufficient, and each of them is necessary.

use futures_util::future::join_all;
use noleader::store::{Delivery, JetStreamShards, ShardStore, StoreError, WriteError};
use noleader_fixture::Server;

use super::{catch_up, end, next, record};
use crate::{
    permissions::page::{Permissions, connect, server},
    support::LEASE,
};

/// Creates or checks the bucket, writes, reads and watches. Returns the first error.
async fn try_all(store: &impl ShardStore) -> Result<(), StoreError> {
    store.prepare(LEASE).await?;
    let first = match store.write("o.1", 0, b"a".to_vec(), None).await {
        Ok(revision) => revision,
        Err(WriteError::Unknown(error)) => return Err(error),
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(store.read("o.1").await?.revision(), first);
    let mut watch = store.watch(0).await?;
    let record = next(&mut watch).await?;
    assert_eq!(record, self::record(1, "o.1", first, Some("a")));
    let caught_up = next(&mut watch).await?;
    assert_eq!(caught_up, Delivery::CaughtUp { index: 1 });
    Ok(())
}

#[tokio::test]
async fn documented_permissions_suffice() {
    let roles = ["shards", "shards-creator"];
    let users = roles.map(|role| (role.to_owned(), Permissions::of(role)));
    let own = Permissions::of("shards").with_inbox("_INBOX_own");
    let users: Vec<_> = users.into_iter().chain([("own".to_owned(), own)]).collect();
    let server = server(&users).await;
    let creator = JetStreamShards::new(connect(&server, "shards-creator").await, "order_shards");
    try_all(&creator).await.unwrap();

    let store = JetStreamShards::new(connect(&server, "shards").await, "order_shards");
    store.prepare(LEASE).await.unwrap();
    let first = store.read("o.1").await.unwrap().revision();
    let own = async_nats::ConnectOptions::with_user_and_password("own".into(), "own".into())
        .custom_inbox_prefix("_INBOX_own");
    let own = own.connect(server.url()).await.unwrap();
    let own = JetStreamShards::new(own, "order_shards");
    own.prepare(LEASE).await.unwrap();
    let mut watch = own.watch(0).await.unwrap();
    catch_up(&mut watch).await;
    let second = store
        .write("o.1", first, b"b".to_vec(), None)
        .await
        .unwrap();
    let pushed = next(&mut watch).await.unwrap();
    assert_eq!(pushed, record(2, "o.1", second, Some("b")));
}

/// A user that lacks one permission, with its own bucket.
struct Deprived {
    id: String,
    bucket: String,
    lacks: String,
    permissions: Permissions,
}

impl Deprived {
    fn all(role: &str) -> Vec<Self> {
        let subjects = Permissions::of(role).subjects();
        let deprived = |(number, subject): (usize, &String)| {
            let bucket = format!("bucket{number}");
            let permissions = Permissions::of(role).without(subject);
            Self {
                id: format!("{role}{number}"),
                lacks: subject.replace("order_shards", &bucket),
                permissions: permissions.in_bucket("order_shards", &bucket),
                bucket,
            }
        };
        subjects.iter().enumerate().map(deprived).collect()
    }

    /// The missing permission is named by the error of the request that needs it.
    async fn is_reported(&self, server: &Server) {
        let store = JetStreamShards::new(connect(server, &self.id).await, &*self.bucket);
        let error = match try_all(&store).await {
            Err(error) => error,
            Ok(()) => panic!("works without {}", self.lacks),
        };
        let StoreError::NoAnswer { subject, .. } = &error else {
            panic!("without {}: {error:?}", self.lacks);
        };
        let mut parts = self.lacks.split(['*', '>']);
        let is_named = parts.all(|part| subject.contains(part));
        assert!(
            is_named || self.lacks.starts_with("_INBOX"),
            "without {}: {error}",
            self.lacks
        );
    }
}

async fn each_is_needed(role: &str, is_made: bool) {
    let all = Deprived::all(role);
    let users = all
        .iter()
        .map(|one| (one.id.clone(), one.permissions.clone()));
    let server = server(&users.collect::<Vec<_>>()).await;
    let reported = all.iter().map(async |one| {
        if is_made {
            let admin = JetStreamShards::new(server.client().await.unwrap(), &*one.bucket);
            admin.prepare(LEASE).await.unwrap();
        }
        one.is_reported(&server).await;
    });
    join_all(reported).await;
}

#[tokio::test]
async fn each_permission_is_needed() {
    each_is_needed("shards", true).await;
}

#[tokio::test]
async fn each_permission_to_create_is_needed() {
    each_is_needed("shards-creator", false).await;
}

/// The permissions of an election's candidate in another bucket do not reach this one.
#[tokio::test]
async fn permissions_for_another_bucket_do_not_suffice() {
    let other = Permissions::of("shards").in_bucket("order_shards", "other");
    let server = server(&[("other".to_owned(), other)]).await;
    let admin = JetStreamShards::new(server.client().await.unwrap(), "order_shards");
    admin.prepare(LEASE).await.unwrap();
    let mut watch = admin.watch(0).await.unwrap();
    catch_up(&mut watch).await;
    let store = JetStreamShards::new(connect(&server, "other").await, "order_shards");
    let write = store.write("o.1", 0, b"a".to_vec(), None);
    let (read, written, watched) = tokio::join!(store.read("o.1"), write, store.watch(0));
    assert!(matches!(read, Err(StoreError::NoAnswer { .. })), "{read:?}");
    assert!(
        matches!(written, Err(WriteError::Unknown(_))),
        "{written:?}"
    );
    assert!(
        matches!(watched, Err(StoreError::NoAnswer { .. })),
        "{watched:?}"
    );
    let first = admin.write("o.1", 0, b"b".to_vec(), None).await.unwrap();
    let pushed = next(&mut watch).await.unwrap();
    assert_eq!(pushed, record(1, "o.1", first, Some("b")));
    drop(server);
    end(&mut watch).await;
}

//! Each documented permission is needed, and a node that lacks one says which.

use futures_util::future::join_all;
use noleader::{Shards, ShardsBuilder, StartError, store::StoreError};
use noleader_fixture::Server;

use super::{COUNT, all_open};
use crate::{
    lines::Lines,
    permissions::page::{Permissions, connect, server},
    support::LEASE,
};

/// A user that lacks one permission, with its own bucket.
struct Deprived {
    id: String,
    bucket: String,
    lacks: String,
    permissions: Permissions,
}

/// Where a missing permission is reported.
#[derive(Debug, PartialEq)]
enum Reported {
    ByStart,
    InLog,
}

impl Deprived {
    /// One user for each permission of a role.
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

    fn node(&self) -> ShardsBuilder {
        Shards::builder(&self.bucket, COUNT).id(&self.id)
    }

    /// Starts the node, and returns where the missing permission was reported.
    async fn reported(&self, server: &Server, lines: &Lines) -> Reported {
        // A wildcard in the subject stands for any name. The bucket's name identifies this user's log lines.
        let parts: Vec<_> = self.lacks.split(['*', '>']).collect();
        let client = connect(server, &self.id).await;
        let node = match self.node().start(client).await {
            Ok(node) => node,
            Err(StartError::Store(error @ StoreError::NoAnswer { .. })) => {
                let text = error.to_string();
                let is_inbox = self.lacks.starts_with("_INBOX") && text.contains("inbox");
                let is_named = parts.iter().all(|part| text.contains(part));
                assert!(is_inbox || is_named, "{}: {text}", self.lacks);
                assert!(text.contains("permission"), "{text}");
                return Reported::ByStart;
            }
            Err(other) => panic!("{}: {other:?}", self.lacks),
        };
        let what = match self.lacks.contains(".CONSUMER.") {
            true => "could not watch the bucket of the shards; retrying",
            false => "a request to the bucket of the shards failed; retrying",
        };
        let line = [&parts[..], &[" WARN ", what, "permission"]].concat();
        lines.until(&line).await;
        assert!(node.owned().is_empty());
        Reported::InLog
    }
}

/// Starts one node for each permission of the role, without that permission, all concurrently. They have the default
/// lease, within which the node gives requests up before the store does.
async fn each_is_reported(role: &str, is_made: bool) {
    let (lines, _guard) = Lines::collect();
    let all = Deprived::all(role);
    let users = all.iter();
    let users = users.map(|one| (one.id.clone(), one.permissions.clone()));
    let server = server(&users.collect::<Vec<_>>()).await;
    let reported = all.iter().map(async |one| {
        if is_made {
            let admin = server.client().await.unwrap();
            one.node()
                .start(admin)
                .await
                .unwrap()
                .shutdown()
                .await
                .unwrap();
        }
        one.reported(&server, &lines).await
    });
    let reported = join_all(reported).await;
    for (one, reported) in all.iter().zip(reported) {
        let is_needed_later =
            one.lacks.contains(".CONSUMER.") || is_made && one.lacks.starts_with("$KV.");
        let expected = match is_needed_later {
            true => Reported::InLog,
            false => Reported::ByStart,
        };
        assert_eq!(reported, expected, "without {}", one.lacks);
    }
}

#[tokio::test]
async fn missing_permission_is_reported() {
    each_is_reported("shards", true).await;
}

#[tokio::test]
async fn missing_creator_permission_is_reported() {
    each_is_reported("shards-creator", false).await;
}

#[tokio::test]
async fn documented_permissions_suffice() {
    let roles = ["shards-creator", "shards"];
    let users = roles.map(|role| (role.to_owned(), Permissions::of(role)));
    let server = server(&users).await;
    let mut nodes = Vec::new();
    for role in roles {
        let builder = Shards::builder("order_shards", COUNT).id(role).lease(LEASE);
        let client = connect(&server, role).await;
        nodes.push(builder.start(client).await.unwrap());
    }
    let [a, b] = &nodes[..] else { unreachable!() };
    super::spread(&[a, b]).await;
    a.shutdown().await.unwrap();
    all_open(&[b]).await;
}

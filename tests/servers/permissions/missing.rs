//! Each documented permission is needed: a node that lacks one reports which.

use noleader::{Builder, StartError, store::StoreError};
use noleader_fixture::Server;

use super::{
    candidate,
    page::{Permissions, connect, server},
};
use crate::lines::Lines;

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
    /// In the log, although the node leads.
    InLogOfLeader,
}

impl Deprived {
    /// One user for each permission of a role.
    fn all(role: &str) -> Vec<Self> {
        let subjects = Permissions::of(role).subjects();
        let deprived = |(number, subject): (usize, &String)| {
            let bucket = format!("bucket{number}");
            let permissions = Permissions::of(role)
                .without(subject)
                .in_bucket("orders", &bucket);
            Self {
                id: format!("{role}{number}"),
                lacks: subject.replace("orders", &bucket),
                bucket,
                permissions,
            }
        };
        subjects.iter().enumerate().map(deprived).collect()
    }

    /// Starts the node, and returns where the missing permission was reported.
    async fn reported(&self, server: &Server, lines: &Lines, builder: Builder) -> Reported {
        // A wildcard in the subject stands for any name. The bucket's name identifies this user's log lines.
        let parts: Vec<_> = self.lacks.split('*').collect();
        let client = connect(server, &self.id).await;
        // A start would try for 30 s.
        let handle = match builder.clone().prepare(client.clone()).await {
            Ok(()) => builder.start(client).await.unwrap(),
            Err(StartError::Store(StoreError::NoAnswer { subject, waited })) => {
                let text = StoreError::NoAnswer { subject, waited }.to_string();
                let inbox = self.lacks.starts_with("_INBOX") && text.contains("inbox");
                let named = parts.iter().all(|part| text.contains(part));
                assert!(inbox || named, "{}: {text}", self.lacks);
                assert!(text.contains("permission"), "{text}");
                return Reported::ByStart;
            }
            Err(other) => panic!("{}: {other:?}", self.lacks),
        };
        let what = if self.lacks.contains(".CONSUMER.CREATE.") {
            "could not watch the key"
        } else {
            "lease store request failed; retrying"
        };
        let line = [&parts[..], &[what, "permission"]].concat();
        let line = lines.until(&line).await;
        assert!(line.contains(" WARN "), "{line}");
        if handle.is_leader() {
            Reported::InLogOfLeader
        } else {
            Reported::InLog
        }
    }
}

/// Where a candidate without this permission must report it.
fn expected(lacks: &str) -> Reported {
    if lacks.contains(".MSG.GET.") || lacks.starts_with("$KV.") {
        Reported::InLog
    } else if lacks.contains(".CONSUMER.CREATE.") {
        Reported::InLogOfLeader
    } else {
        Reported::ByStart
    }
}

/// Starts one node for each permission of the role, without that permission, all concurrently.
async fn each_is_reported(role: &str, is_made: bool) {
    let (lines, _guard) = Lines::collect();
    let all = Deprived::all(role);
    let users = all
        .iter()
        .map(|one| (one.id.clone(), one.permissions.clone()));
    let server = server(&users.collect::<Vec<_>>()).await;
    let reported = all.iter().map(async |one| {
        let builder = candidate(&one.bucket, &one.id);
        if is_made {
            let admin = server.client().await.unwrap();
            builder.clone().prepare(admin).await.unwrap();
        }
        let builder = if role == "observer" {
            builder.observe()
        } else {
            builder
        };
        one.reported(&server, &lines, builder).await
    });
    let reported = futures_util::future::join_all(reported).await;
    for (one, reported) in all.iter().zip(reported) {
        let expected = match expected(&one.lacks) {
            Reported::InLogOfLeader if role == "observer" => Reported::InLog,
            expected => expected,
        };
        assert_eq!(reported, expected, "without {}", one.lacks);
    }
}

#[tokio::test]
async fn missing_candidate_permission_is_reported() {
    each_is_reported("candidate", true).await;
}

#[tokio::test]
async fn missing_creator_permission_is_reported() {
    each_is_reported("creator", false).await;
}

#[tokio::test]
async fn missing_observer_permission_is_reported() {
    each_is_reported("observer", true).await;
}

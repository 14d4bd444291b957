//! Each permission of the page is needed: whoever lacks one is told which.

use noleader::{Builder, StartError, store::StoreError};
use noleader_fixture::Server;

use super::{
    candidate,
    page::{Permissions, connect, server},
};
use crate::lines::Lines;

/// A user who lacks one permission, in a bucket of its own.
struct Deprived {
    id: String,
    bucket: String,
    lacks: String,
    permissions: Permissions,
}

/// How somebody found out.
#[derive(Debug, PartialEq)]
enum Told {
    AtTheStart,
    InTheLog,
    /// The same, though the election goes on.
    InTheLogOfALeader,
}

impl Deprived {
    /// One for each permission of a role.
    fn all(role: &str) -> Vec<Self> {
        let subjects = Permissions::of(role).subjects();
        let deprived = |(number, subject): (usize, &String)| {
            let bucket = format!("bucket{number}");
            let permissions = Permissions::of(role).without(subject).in_bucket(&bucket);
            Self {
                id: format!("{role}{number}"),
                lacks: subject.replace("orders", &bucket),
                bucket,
                permissions,
            }
        };
        subjects.iter().enumerate().map(deprived).collect()
    }

    /// Takes part, and is told what it lacks.
    async fn told(&self, server: &Server, lines: &Lines, builder: Builder) -> Told {
        // A wildcard of the permission stands for a name. The bucket is one's own, and so is its line.
        let parts: Vec<_> = self.lacks.split('*').collect();
        let client = connect(server, &self.id).await;
        let handle = match builder.start(client).await {
            Ok(handle) => handle,
            Err(StartError::Store(StoreError::NoAnswer { subject, waited })) => {
                let text = StoreError::NoAnswer { subject, waited }.to_string();
                let inbox = self.lacks.starts_with("_INBOX") && text.contains("inbox");
                let named = parts.iter().all(|part| text.contains(part));
                assert!(inbox || named, "{}: {text}", self.lacks);
                assert!(text.contains("permission"), "{text}");
                return Told::AtTheStart;
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
            Told::InTheLogOfALeader
        } else {
            Told::InTheLog
        }
    }
}

/// What a missing permission does, by what it is for.
fn expected(lacks: &str) -> Told {
    if lacks.contains(".MSG.GET.") || lacks.starts_with("$KV.") {
        Told::InTheLog
    } else if lacks.contains(".CONSUMER.CREATE.") {
        Told::InTheLogOfALeader
    } else {
        Told::AtTheStart
    }
}

/// Starts a candidate without each permission of the role in turn, all at once.
async fn each_is_missed(role: &str, is_made: bool) {
    let (lines, _guard) = Lines::collect();
    let all = Deprived::all(role);
    let users = all
        .iter()
        .map(|one| (one.id.clone(), one.permissions.clone()));
    let server = server(&users.collect::<Vec<_>>()).await;
    let told = all.iter().map(async |one| {
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
        one.told(&server, &lines, builder).await
    });
    let told = futures_util::future::join_all(told).await;
    for (one, told) in all.iter().zip(told) {
        let expected = match expected(&one.lacks) {
            Told::InTheLogOfALeader if role == "observer" => Told::InTheLog,
            expected => expected,
        };
        assert_eq!(told, expected, "without {}", one.lacks);
    }
}

#[tokio::test]
async fn a_candidate_misses_each() {
    each_is_missed("candidate", true).await;
}

#[tokio::test]
async fn a_creator_misses_each() {
    each_is_missed("creator", false).await;
}

#[tokio::test]
async fn an_observer_misses_each() {
    each_is_missed("observer", true).await;
}

//! An election with exactly the documented permissions.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, jetstream};
use noleader::{LeaderHandle, Status};
use noleader_fixture::{Server, eventually};

use super::{
    LONG, candidate,
    page::{Permissions, connect, server},
};
use crate::support::{BOUND, elected, follows, until};

async fn server_for(roles: &[&str]) -> Server {
    let users = roles
        .iter()
        .map(|role| (role.to_string(), Permissions::of(role)));
    let own = Permissions::of("candidate").with_inbox("_INBOX_own");
    let own = ("own".to_owned(), own);
    server(&users.chain([own]).collect::<Vec<_>>()).await
}

async fn renewed(server: &Server) {
    let context = jetstream::new(server.client().await.unwrap());
    let bucket = context.get_key_value("orders").await.unwrap();
    let revision = async || bucket.entry("writer").await.unwrap().unwrap().revision;
    let before = revision().await;
    let later = async || (revision().await > before + 1).then_some(());
    eventually("two renewals", BOUND, later).await.unwrap();
}

/// A follower that does not read the key within the bound, so that it sees only what is pushed.
async fn follower(client: Client, id: &str) -> LeaderHandle {
    let follower = candidate("orders", id).renew_every(LONG / 3);
    follower.start(client).await.unwrap()
}

/// Lets `a`, `b` and `c` lead in turn while an observer watches.
async fn an_election_works(server: &Server, role: &str) {
    let observer = candidate("orders", "observer").renew_every(LONG / 3);
    let a = candidate("orders", "a").start(connect(server, role).await);
    let a = a.await.unwrap();
    let observer = observer.observe().start(connect(server, "observer").await);
    let observer = observer.await.unwrap();
    elected(&a).await;
    follows(&observer, "a").await;
    renewed(server).await;

    let b = follower(connect(server, role).await, "b").await;
    follows(&b, "a").await;
    a.step_down().await.unwrap();
    elected(&b).await;
    follows(&observer, "b").await;
    a.shutdown().await.unwrap();

    let own = ConnectOptions::with_user_and_password("own".into(), "own".into())
        .custom_inbox_prefix("_INBOX_own");
    let c = follower(own.connect(server.url()).await.unwrap(), "c").await;
    follows(&c, "b").await;
    b.shutdown().await.unwrap();
    elected(&c).await;
    follows(&observer, "c").await;
    c.shutdown().await.unwrap();
    until(&observer, |status| {
        *status == Status::Follower { leader: None }
    })
    .await;
}

#[tokio::test]
async fn candidate_permissions_suffice_with_an_existing_bucket() {
    let server = server_for(&["candidate", "observer"]).await;
    let admin = server.client().await.unwrap();
    candidate("orders", "admin").prepare(admin).await.unwrap();
    an_election_works(&server, "candidate").await;
}

#[tokio::test]
async fn creator_permissions_suffice_without_a_bucket() {
    let server = server_for(&["creator", "observer"]).await;
    an_election_works(&server, "creator").await;
}

#[tokio::test]
async fn creator_recreates_a_deleted_bucket() {
    let server = server_for(&["creator"]).await;
    let creator = candidate("orders", "a").lease(Duration::from_secs(2));
    let creator = creator.start(connect(&server, "creator").await);
    let creator = creator.await.unwrap();
    let old = elected(&creator).await;
    let admin = jetstream::new(server.client().await.unwrap());
    admin.delete_key_value("orders").await.unwrap();
    crate::support::ended(&old).await;
    assert!(elected(&creator).await.token() > old.token());
}

//! A server whose data is replaced with an earlier copy, as after a power cut that lost the last writes, or after a
//! restore from a backup.

use noleader::{Builder, LeaderHandle, Term};
use noleader_fixture::{Proxy, Server};

use crate::support::{Watchman, candidate, elected, ended, follows, start, start_through, steady};

/// A server that lost the writes of a term, and the leader of that term, which is cut off.
struct Rollback {
    server: Server,
    old: LeaderHandle,
    lost: Term,
    proxy: Proxy,
}

/// The server still has the release of an earlier term.
async fn rollback(builder: impl Fn(&str) -> Builder) -> Rollback {
    let mut server = Server::start().await.unwrap();
    let first = start(&server, steady("first")).await;
    elected(&first).await;
    first.shutdown().await.unwrap();
    let saved = server.kill_and_save().unwrap();
    server.restart().await.unwrap();

    let proxy = Proxy::start(server.addr()).await.unwrap();
    let old = start_through(&proxy, &server, builder("old")).await;
    let lost = elected(&old).await;
    server.kill_and_put_back(&saved).unwrap();
    proxy.cut();
    server.restart().await.unwrap();
    Rollback {
        server,
        old,
        lost,
        proxy,
    }
}

#[tokio::test]
async fn term_after_lost_writes_has_a_new_token() {
    let rollback = rollback(candidate).await;
    let new = start(&rollback.server, candidate("new")).await;
    let term = elected(&new).await;
    assert!(term.token() > rollback.lost.token());

    rollback.proxy.heal();
    ended(&rollback.lost).await;
    follows(&rollback.old, "new").await;
    new.shutdown().await.unwrap();
    assert!(elected(&rollback.old).await.token() > term.token());
}

#[tokio::test]
async fn tokens_grow_after_a_backup_is_put_back() {
    let mut server = Server::start().await.unwrap();
    let a = start(&server, steady("a")).await;
    let first = elected(&a).await.token();
    a.step_down().await.unwrap();
    let backup = server.kill_and_save().unwrap();
    server.restart().await.unwrap();
    elected(&a).await;
    a.step_down().await.unwrap();
    let last = elected(&a).await.token();
    assert!(last > first);
    a.shutdown().await.unwrap();

    server.kill_and_put_back(&backup).unwrap();
    server.restart().await.unwrap();
    let b = start(&server, steady("b")).await;
    assert!(elected(&b).await.token() > last);
}

/// The record of an open gate is lost. The candidate sees only the earlier release.
#[tokio::test]
async fn lossy_store_waits_for_leader_of_lost_record() {
    let lossy = |id: &str| candidate(id).lossy_store(true);
    let rollback = rollback(lossy).await;
    let new = start(&rollback.server, lossy("new")).await;
    let watchman = Watchman::over(&[&rollback.old, &new]);
    let term = elected(&new).await;
    assert!(term.token() > rollback.lost.token());
    assert!(!rollback.lost.is_current());
    assert!(watchman.dismiss().await > 0);
}

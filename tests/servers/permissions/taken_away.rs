//! A permission that is revoked while the node leads.

use super::{
    candidate,
    page::{Permissions, config, connect, server},
};
use crate::{
    lines::Lines,
    support::{LEASE, elected, ended},
};

const WRITES: &str = "$KV.orders.writer";

#[tokio::test]
async fn losing_write_permission_is_logged_and_closes_gate() {
    let (lines, _guard) = Lines::collect();
    let users = |permissions| [("a".to_owned(), permissions)];
    let before = users(Permissions::of("creator"));
    let after = users(Permissions::of("creator").without(WRITES));
    let mut server = server(&before).await;
    let a = candidate("orders", "a").lease(LEASE * 3);
    let a = a.start(connect(&server, "a").await).await.unwrap();
    let term = elected(&a).await;

    server.reload(config(&after)).unwrap();
    ended(&term).await;
    assert!(!a.is_leader());
    // The request times out after a part of the lease, long before the client's own timeout.
    let unanswered = format!("no response on `{WRITES}` within ");
    lines.until(&[" WARN ", &unanswered, "permission"]).await;
    lines.until(&[" WARN ", "lost the lease"]).await;

    server.reload(config(&before)).unwrap();
    assert!(elected(&a).await.token() > term.token());
}

//! The metrics of a node of shards on a real server.

use metrics::Key;
use noleader::{Shards, ShardsBuilder};
use noleader_fixture::{Server, eventually};

use crate::{
    elsewhere::{Elsewhere, owns},
    measured::{Measured, key},
    support::{BOUND, LEASE},
};

const SHARDS: u32 = 20;

fn node(id: &str) -> ShardsBuilder {
    Shards::builder("order_shards", SHARDS).id(id).lease(LEASE)
}

fn series(name: &str, labels: &[(&'static str, &str)]) -> Key {
    let mut all = vec![("bucket", "order_shards")];
    all.extend_from_slice(labels);
    key(&format!("noleader_shards_{name}"), &all)
}

impl Measured {
    /// A counter of shards.
    fn total(&self, name: &str, labels: &[(&'static str, &str)]) -> u64 {
        self.counter(&series(&format!("{name}_total"), labels))
            .unwrap()
    }

    fn written(&self, write: &str) -> u64 {
        let labels = [("write", write), ("result", "acknowledged")];
        self.total("writes", &labels)
    }

    fn closed(&self, reason: &str) -> u64 {
        self.total("closed", &[("reason", reason)])
    }

    /// A gauge of shards.
    fn now(&self, name: &str, labels: &[(&'static str, &str)]) -> f64 {
        self.gauge(&series(name, labels)).unwrap()
    }

    /// Waits for this number of members, of own open shards, and of unowned shards.
    async fn shows(&self, members: u32, open: u32, unowned: u32) {
        let what = format!("{members} members, {open} open and {unowned} unowned shards");
        let shown = async || {
            let shown = [
                self.now("members", &[]),
                self.now("owned", &[("state", "open")]),
                self.now("unowned", &[]),
            ];
            (shown == [members, open, unowned].map(f64::from)).then_some(())
        };
        eventually(what, BOUND, shown).await.unwrap();
    }

    /// Every gate that opened is open, or was closed for one reason.
    fn adds_up(&self, open: u64) {
        let reasons = ["given_away", "left", "overwritten", "session_lost"];
        let closed: u64 = reasons.iter().map(|reason| self.closed(reason)).sum();
        assert_eq!(self.total("opened", &[]), closed + open);
    }
}

#[tokio::test]
async fn metrics_of_shards_follow_a_start_a_takeover_and_a_leave() {
    let server = Server::start().await.unwrap();
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let a = node("a").start(server.client().await.unwrap());
    let a = a.await.unwrap();
    assert_eq!(measured.now("has_session", &[]), 0.0);
    owns(&a, SHARDS as usize).await;
    measured.shows(1, SHARDS, 0).await;
    assert_eq!(measured.now("has_session", &[]), 1.0);
    let remaining = measured.now("session_remaining_seconds", &[]);
    assert!(0.0 < remaining && remaining <= LEASE.as_secs_f64());
    assert!(measured.written("begin") >= 1 && measured.written("claim") >= u64::from(SHARDS));
    assert_eq!(measured.written("fence"), 0);
    measured.adds_up(SHARDS.into());
    let quiet = async || (measured.now("requests_in_progress", &[]) == 0.0).then_some(());
    eventually("no request in progress", BOUND, quiet)
        .await
        .unwrap();

    // Another node gets its part.
    let b = Elsewhere::start(&server, node("b"), SHARDS as usize / 2).await;
    measured.shows(2, SHARDS / 2, 0).await;
    let given = measured.closed("given_away");
    assert!(given >= u64::from(SHARDS) / 2 && measured.written("free") >= given);
    measured.adds_up(u64::from(SHARDS) / 2);

    b.crash().await;
    measured.shows(1, SHARDS, 0).await;
    assert!(measured.written("fence") >= 1 && measured.written("renew") >= 2);
    measured.adds_up(SHARDS.into());

    a.shutdown().await.unwrap();
    measured.shows(0, 0, 0).await;
    assert_eq!(measured.now("has_session", &[]), 0.0);
    assert_eq!(measured.now("session_remaining_seconds", &[]), 0.0);
    assert_eq!(measured.closed("left"), u64::from(SHARDS));
    assert_eq!(measured.written("leave"), 1);
    measured.adds_up(0);
}

#[tokio::test]
async fn an_outage_is_counted_as_a_lost_session() {
    let mut server = Server::start().await.unwrap();
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let a = node("a").start(server.client().await.unwrap());
    let a = a.await.unwrap();
    owns(&a, SHARDS as usize).await;
    let failures = measured.total("store_failures", &[]);
    server.kill();
    let lost = async || {
        let lost = measured.total("sessions_lost", &[("reason", "expired")]);
        (lost == 1).then_some(())
    };
    eventually("a lost session", BOUND, lost).await.unwrap();
    let shut = async || (measured.now("has_session", &[]) == 0.0).then_some(());
    eventually("no session", BOUND, shut).await.unwrap();
    assert_eq!(measured.closed("session_lost"), u64::from(SHARDS));
    assert!(measured.total("store_failures", &[]) > failures);
    server.restart().await.unwrap();
    owns(&a, SHARDS as usize).await;
    measured.shows(1, SHARDS, 0).await;
    assert!(measured.total("sessions", &[]) >= 2);
    measured.adds_up(SHARDS.into());
}

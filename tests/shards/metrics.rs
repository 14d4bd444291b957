//! The metrics of a node, and their table in docs/observability.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use metrics::{Key, Unit};
use noleader::{Shards, store::MemoryShards};
use noleader_fixture::eventually;

use crate::{
    measured::{Measured, key},
    support::{BOUND, LEASE, SHARDS, node, owns},
};

/// A series: the name of its metric, and its labels except the bucket.
type Series = (String, BTreeMap<String, String>);

/// The series that the page lists for shards, each with all values of its labels.
fn documented() -> BTreeSet<Series> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/observability.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page
        .split_once("| name | kind | more labels | meaning |")
        .unwrap();
    let rows = table.lines().skip(2).take_while(|line| !line.is_empty());
    rows.flat_map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, labels, _] = cells[..] else {
            panic!("this row does not have four cells: {row}");
        };
        let name = name.trim_matches('`').to_owned();
        combinations(labels)
            .into_iter()
            .map(move |labels| (name.clone(), labels))
    })
    .collect()
}

/// Every combination of the values in a cell such as `` `reason`: `a`, `b`; `result`: `c` ``.
fn combinations(cell: &str) -> Vec<BTreeMap<String, String>> {
    let mut all = vec![BTreeMap::new()];
    for label in cell.split(';').filter(|label| !label.is_empty()) {
        let mut texts = label.split('`').skip(1).step_by(2);
        let name = texts.next().unwrap();
        let values: Vec<_> = texts.collect();
        all = all
            .iter()
            .flat_map(|labels| {
                values.iter().map(move |value| {
                    let mut labels = labels.clone();
                    labels.insert(name.to_owned(), (*value).to_owned());
                    labels
                })
            })
            .collect();
    }
    all
}

fn emitted(measured: &Measured) -> BTreeSet<Series> {
    let series = |key: &Key| {
        let labels = key.labels();
        let mut labels: BTreeMap<_, _> = labels
            .map(|label| (label.key().to_owned(), label.value().to_owned()))
            .collect();
        assert_eq!(labels.remove("bucket").as_deref(), Some("orders"));
        (key.name().to_owned(), labels)
    };
    measured.keys().iter().map(series).collect()
}

fn store() -> MemoryShards {
    MemoryShards::named("orders")
}

#[tokio::test]
async fn every_documented_series_exists_from_the_start() {
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let _node = node(&store(), "a").await;
    let documented = documented();
    assert!(documented.len() > 40, "{documented:?}");
    assert_eq!(emitted(&measured), documented);
    for (name, _) in documented {
        let unit = match name.ends_with("_seconds") {
            true => Unit::Seconds,
            false => Unit::Count,
        };
        assert_eq!(measured.unit(&name), Some(unit), "{name}");
    }
}

/// An application may start its node before it installs an exporter.
#[tokio::test]
async fn a_recorder_installed_late_gets_every_series() {
    let store = store();
    let a = node(&store, "a").await;
    owns(&a, SHARDS as usize).await;
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let all = documented();
    let complete = async || (emitted(&measured) == all).then_some(());
    eventually("every series", BOUND, complete).await.unwrap();
    let open = key(
        "noleader_shards_owned",
        &[("bucket", "orders"), ("state", "open")],
    );
    assert_eq!(measured.gauge(&open), Some(f64::from(SHARDS)));
}

/// The number of series does not depend on the number of shards.
#[tokio::test]
async fn no_series_is_added_for_a_shard() {
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let many = Shards::with_store(store(), 500).id("a").lease(LEASE);
    let many = many.start().await.unwrap();
    owns(&many, 500).await;
    many.shutdown().await.unwrap();
    assert_eq!(emitted(&measured), documented());
}

#[tokio::test]
async fn the_end_of_a_session_and_of_a_drain_is_counted() {
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let store = store();
    let a = node(&store, "a").await;
    owns(&a, SHARDS as usize).await;
    let counter = |name: &str, labels: &[(&'static str, &str)]| {
        let mut all = vec![("bucket", "orders")];
        all.extend_from_slice(labels);
        measured.counter(&key(name, &all)).unwrap()
    };
    let shards = u64::from(SHARDS);

    store.overwrite("s.YQ", "garbage");
    let lost = async || {
        let lost = counter(
            "noleader_shards_sessions_lost_total",
            &[("reason", "overwritten")],
        );
        (lost == 1).then_some(())
    };
    eventually("the end of the session", BOUND, lost)
        .await
        .unwrap();
    let closed = |reason| counter("noleader_shards_closed_total", &[("reason", reason)]);
    assert_eq!(closed("session_lost"), shards);
    let has_session = key("noleader_shards_has_session", &[("bucket", "orders")]);
    let shut = async || (measured.gauge(&has_session) == Some(0.0)).then_some(());
    eventually("a gauge without a session", BOUND, shut)
        .await
        .unwrap();
    owns(&a, SHARDS as usize).await;

    store.overwrite("o.3", "garbage");
    let overwritten = async || (closed("overwritten") == 1).then_some(());
    eventually("a shard that is lost", BOUND, overwritten)
        .await
        .unwrap();
    owns(&a, SHARDS as usize).await;

    let admission = a.admit(a.of("customer-17")).unwrap();
    let leaving = tokio::spawn(async move { a.shutdown().await });
    admission.term().closing().cancelled().await;
    drop(admission);
    leaving.await.unwrap().unwrap();
    assert_eq!(closed("left"), shards);
    assert_eq!(closed("given_away"), 0);
    let drains = key("noleader_shards_drain_seconds", &[("bucket", "orders")]);
    assert_eq!(measured.recorded(&drains), Some(SHARDS as usize));
    assert_eq!(
        counter("noleader_shards_opened_total", &[]),
        shards + shards + 1
    );
}

//! Faults on real servers: five candidate processes, a cluster of three servers, and single and overlapping
//! faults between them. A checker reads the logs of the candidates.
//!
//! There are two runs: the candidates lead one election, or 64 shards. `NOLEADER_CHAOS_SECS` sets their duration, and
//! `NOLEADER_CHAOS_SEED` the faults. A run writes its report and a timeline to `target/tmp/chaos`.
//!
//! | file | concern |
//! |---|---|
//! | `kind` | what differs between one election and shards |
//! | `plan` | the schedule of the faults |
//! | `cast`, `candidate`, `member`, `storage` | the participants |
//! | `image` | a copy of a running candidate |
//! | `journal`, `probe` | what a candidate logs about its terms and its gates |
//! | `faults`, `trouble` | one fault; all faults |
//! | `traffic`, `http` | the clients |
//! | `writes` | what the clients and the storage know of each write |
//! | `log`, `history` | the logs of the candidates, and their summary |
//! | `checker` | the promises, checked on the history |
//! | `report`, `open_time`, `timeline` | the output for a reader |
//! | `run` | one run from start to end |
//! | `copies` | a leader and a copy of its process |
//! | `control` | a run in which the checker must find two open gates |
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests panic when they fail, and measure on their own clock"
)]

mod candidate;
mod cast;
mod checker;
mod clock;
mod control;
mod copies;
mod faults;
mod history;
mod http;
mod image;
mod journal;
mod kind;
mod log;
mod member;
mod open_time;
mod plan;
mod probe;
mod report;
mod run;
mod storage;
mod timeline;
mod traffic;
mod trouble;
mod writes;

use std::io::{Write, stdout};

use kind::{Kind, Risk};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_on_election() {
    faults_on(Kind::Election(Risk::None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_on_shards() {
    faults_on(Kind::Shards).await;
}

async fn faults_on(kind: Kind) {
    let settings = run::Settings::from_env(kind);
    println!("to repeat this run: {}", settings.command());
    let run = run::run(&settings).await;
    // `print!` is captured unless the test fails.
    let report = report::report(&run);
    stdout().write_all(report.as_bytes()).unwrap();
    assert!(run.violations.is_empty(), "{report}");
    assert_eq!(run.served, Ok(()));
    assert_eq!(run.idle(), None);
}

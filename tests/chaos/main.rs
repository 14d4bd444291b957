//! Faults on real servers: five candidates that are processes of their own, a cluster, and all that can go
//! wrong between them, alone and together. What they did is read from their logs and checked.
//!
//! `NOLEADER_CHAOS_SECS` says how long, `NOLEADER_CHAOS_SEED` which faults. The report and a timeline to look
//! at are in `target/tmp/chaos`.
//!
//! | file | concern |
//! |---|---|
//! | `plan` | which faults happen when |
//! | `cast`, `candidate`, `storage` | who takes part |
//! | `journal`, `probe` | what a candidate sees of its own election |
//! | `faults`, `trouble` | does one fault; runs them all |
//! | `traffic`, `http` | the clients |
//! | `log`, `history` | what the candidates wrote down, and what it comes to |
//! | `checker` | what must be true of it |
//! | `report`, `open_time`, `timeline` | for people |
//! | `run` | all of it in order |
//! | `control` | a run that must find two gates |
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests panic when they fail, and measure on a clock of their own"
)]

mod candidate;
mod cast;
mod checker;
mod clock;
mod control;
mod faults;
mod history;
mod http;
mod journal;
mod log;
mod open_time;
mod plan;
mod probe;
mod report;
mod run;
mod storage;
mod timeline;
mod traffic;
mod trouble;

use std::io::{Write, stdout};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_on_real_servers() {
    let settings = run::Settings::from_env();
    println!("to run this again: {}", settings.command());
    let run = run::run(&settings).await;
    // Shown even if the test passes.
    let report = report::report(&run);
    stdout().write_all(report.as_bytes()).unwrap();
    assert!(run.violations.is_empty(), "{report}");
    assert_eq!(run.idle(), None);
}

//! The example as a whole, as a reader runs it.
#![allow(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::process::Command;

#[test]
fn each_job_runs_once_while_nodes_join_and_leave() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenant_scheduler"));
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}:\n{text}{stderr}",
        output.status
    );
    println!("{text}");
    let verdict = text.lines().last().unwrap();
    assert!(verdict.ends_with("jobs: each ran once, in order, and was finished"));
    let count: u32 = verdict.split(' ').next().unwrap().parse().unwrap();
    // Three times at least, each of twelve tenants has run a job.
    assert!(count >= 36, "{text}");
    let mut of_c = text
        .lines()
        .filter_map(|line| line.split("  c runs the jobs of ").nth(1));
    assert!(
        of_c.next_back().is_some_and(|tenants| !tenants.is_empty()),
        "{text}"
    );
}

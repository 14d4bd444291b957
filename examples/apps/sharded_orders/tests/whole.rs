//! The example as a whole, as a reader runs it.
#![allow(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

fn start() -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sharded_orders"));
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Where the example keeps its files, and its processes, as it shows them.
fn folder_and_nodes(lines: &[String]) -> (&str, Vec<Pid>) {
    let folder = lines.iter().find_map(|line| line.split(" is in ").nth(1));
    let processes = lines
        .iter()
        .filter_map(|line| line.split("process ").nth(1));
    let pids = processes.map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap());
    (folder.unwrap(), pids.collect())
}

fn assert_nothing_is_left(lines: &[String], nodes: usize) {
    let (folder, pids) = folder_and_nodes(lines);
    assert!(!Path::new(folder).exists(), "{folder}");
    assert_eq!(pids.len(), nodes, "{lines:?}");
    for pid in pids {
        assert!(test_kill_process(pid).is_err(), "{pid} runs");
    }
}

#[test]
fn no_order_is_lost_and_the_late_one_is_refused() {
    let output = start().wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}:\n{text}", output.status);
    println!("{text}");
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let has = |words: &str| lines.iter().any(|line| line.contains(words));
    assert!(has("late order: 409 fencing token"), "{text}");
    assert!(has("each is in the files exactly once"), "{text}");
    for change in ["kill", "join", "leave", "pause", "resume"] {
        assert!(has(&format!("== {change}: ")), "{text}");
        // A tenth of the shards moves at least: the part of a node is a fifth or a quarter.
        let row = lines.iter().filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == change).then_some(words.next()?)
        });
        let moved: Vec<u32> = row.map(|moved| moved.parse().unwrap()).collect();
        assert!(matches!(moved[..], [7..=64]), "{change} {moved:?}: {text}");
    }
    assert_nothing_is_left(&lines, 6);
}

#[test]
fn ctrl_c_leaves_no_process_and_no_file() {
    let mut example = start();
    let output = BufReader::new(example.stdout.take().unwrap());
    let mut lines = Vec::new();
    for line in output.lines() {
        lines.push(line.unwrap());
        // The customers send orders now.
        if lines.last().unwrap().contains("== kill") {
            kill_process(Pid::from_child(&example), Signal::INT).unwrap();
            break;
        }
    }
    assert_eq!(example.wait().unwrap().code(), Some(130));
    assert_nothing_is_left(&lines, 5);
}

//! docs/observability.md lists every metric and every log event.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    page::ROOT,
    source::{self, Metric},
};

fn read(page: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("docs").join(page)).unwrap()
}

/// The cells of the rows of log events: level, message, fields, remedy.
fn rows(page: &str) -> Vec<[&str; 4]> {
    let (_, events) = page.split_once("## Log events").unwrap();
    let rows = events.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|line| !line.starts_with("| level "));
    rows.map(|line| {
        let cells = line.trim_matches('|').split('|').map(str::trim);
        let cells: Vec<_> = cells.collect();
        cells
            .try_into()
            .unwrap_or_else(|_| panic!("this row does not have four cells: {line}"))
    })
    .collect()
}

/// The text inside a code span.
fn message(cell: &str) -> &str {
    cell.trim_matches('`').trim()
}

/// The messages that are the texts of errors, as in the responses to clients.
fn errors() -> Vec<String> {
    let page = read("actions.md");
    let blocks = page.split("```").skip(1).step_by(2);
    let failed = blocks.filter(|block| {
        let status = |code| block.contains(&format!("HTTP/1.1 {code} "));
        status(500) || status(502) || status(504)
    });
    failed
        .map(|block| block.lines().last().unwrap().to_owned())
        .collect()
}

#[test]
fn every_log_event_has_a_row() {
    let page = read("observability.md");
    let rows = rows(&page);
    let events = source::events();
    assert!(events.len() > 20, "{events:?}");
    for event in events
        .iter()
        .filter(|event| !event.message.starts_with('{'))
    {
        let row = rows
            .iter()
            .find(|row| message(row[1]) == event.message.trim());
        let [level, _, fields, _] =
            row.unwrap_or_else(|| panic!("docs/observability.md has no row for {event:?}"));
        assert_eq!(*level, event.level, "{event:?}");
        let listed: BTreeSet<_> = fields.split('`').skip(1).step_by(2).collect();
        let logged = event.fields.iter().map(String::as_str).collect();
        assert_eq!(listed, logged, "{event:?}");
    }
    for error in errors() {
        let row = rows.iter().find(|row| message(row[1]) == error);
        assert!(
            row.is_some(),
            "docs/observability.md has no row for the error `{error}`"
        );
    }
}

#[test]
fn every_row_is_a_log_event() {
    let mut messages: BTreeSet<_> = source::events()
        .into_iter()
        .map(|event| event.message.trim().to_owned())
        .collect();
    messages.extend(errors());
    let page = read("observability.md");
    for row in rows(&page) {
        assert!(messages.contains(message(row[1])), "{row:?}");
    }
}

/// A row is: name, kind, meaning; those of shards have their labels before the meaning.
#[test]
fn every_metric_has_a_row() {
    let page = read("observability.md");
    let (metrics, _) = page.split_once("## Log events").unwrap();
    let rows = metrics.lines().filter_map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = message(cells[0]);
        let is_metric = name.starts_with("noleader_") && cells.len() > 2;
        is_metric.then(|| Metric {
            name: name.to_owned(),
            kind: cells[1].to_owned(),
            meaning: (*cells.last().unwrap()).to_owned(),
        })
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    assert_eq!(rows, source::metrics());
}

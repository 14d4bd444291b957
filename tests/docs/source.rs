//! Extracts the log events and metrics from the library's source.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::page::ROOT;

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// A call of one of tracing's macros.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) level: &'static str,
    /// A message that consists of a value, such as an error, starts with a brace.
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
}

pub(crate) fn events() -> Vec<Event> {
    let mut events = Vec::new();
    for source in sources() {
        for level in LEVELS {
            let call = format!("tracing::{level}!(");
            let arguments = source.split(&call).skip(1).map(arguments);
            events.extend(arguments.map(|arguments| event(level, arguments)));
        }
    }
    events
}

/// A definition of a metric.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) meaning: String,
}

/// The metrics that are defined, which are all that are named.
pub(crate) fn metrics() -> Vec<Metric> {
    let mut metrics = Vec::new();
    for source in sources() {
        for kind in ["gauge", "counter", "histogram"] {
            let call = format!("Metric::{kind}(");
            for definition in source.split(&call).skip(1) {
                let arguments = arguments(definition);
                metrics.push(Metric {
                    name: unescape(&arguments[0]),
                    kind: kind.to_owned(),
                    meaning: unescape(&arguments[2]),
                });
            }
        }
    }
    metrics.sort();
    let mut defined: Vec<_> = metrics.iter().map(|metric| metric.name.clone()).collect();
    defined.dedup();
    assert_eq!(defined, named());
    metrics
}

/// The names of all metrics, found by their common prefix.
fn named() -> Vec<String> {
    let mut names: Vec<_> = sources()
        .iter()
        .flat_map(|source| source.split("\"noleader_").skip(1))
        .filter_map(|rest| {
            let name = rest.split('"').next().unwrap();
            let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            is_name.then(|| format!("noleader_{name}"))
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

fn event(level: &'static str, mut arguments: Vec<String>) -> Event {
    let message = arguments.pop().unwrap();
    let fields = arguments.iter().map(|argument| {
        let name = argument.split('=').next().unwrap().trim();
        name.trim_start_matches(['?', '%']).to_owned()
    });
    Event {
        level,
        message: unescape(&message),
        fields: fields.collect(),
    }
}

/// The value of a string literal.
fn unescape(literal: &str) -> String {
    let text = literal
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let text =
        text.unwrap_or_else(|| panic!("the message is not a single string literal: {literal}"));
    let mut lines = text.split("\\\n");
    let first = lines.next().unwrap().to_owned();
    lines
        .fold(first, |text, line| text + line.trim_start())
        .replace("\\\"", "\"")
}

/// The arguments of a macro, up to its closing parenthesis.
fn arguments(source: &str) -> Vec<String> {
    let (mut arguments, mut argument) = (Vec::new(), String::new());
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for c in source.chars() {
        match c {
            _ if in_text => {
                in_text = escaped || c != '"';
                escaped = !escaped && c == '\\';
            }
            '"' => in_text = true,
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(std::mem::take(&mut argument));
                continue;
            }
            _ => {}
        }
        argument.push(c);
    }
    arguments.push(argument);
    let trimmed = arguments.iter().map(|argument| argument.trim().to_owned());
    trimmed.filter(|argument| !argument.is_empty()).collect()
}

fn sources() -> Vec<String> {
    let mut sources = Vec::new();
    let mut folders = vec![Path::new(ROOT).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    sources
}

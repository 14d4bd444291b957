//! A readable trace of a run: time, node, event. It is kept only if it will be printed.

use std::fmt;

use crate::clock::MILLISECOND;

/// The number of lines in the report of a failed run. A replay shows all.
pub(crate) const TAIL: usize = 80;

#[derive(Default)]
pub(crate) struct Trace(Option<Vec<Line>>);

struct Line {
    at: u64,
    node: Option<usize>,
    what: String,
}

impl Trace {
    pub(crate) fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    pub(crate) fn say(&mut self, at: u64, node: Option<usize>, what: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            let what = what();
            lines.push(Line { at, node, what });
        }
    }

    /// The last `lines` lines.
    pub(crate) fn tail(&self, lines: usize) -> String {
        let all = self.0.as_deref().unwrap_or_default();
        let left_out = all.len().saturating_sub(lines);
        let mut text = match left_out {
            0 => String::new(),
            n => format!("  ... {n} lines before; a replay shows them\n"),
        };
        for line in &all[left_out..] {
            text += &format!("{line}\n");
        }
        text
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ms, ns) = (self.at / MILLISECOND, self.at % MILLISECOND);
        match self.node {
            Some(node) => write!(f, "{ms:>7}.{ns:06} ms  node {node}  {}", self.what),
            None => write!(f, "{ms:>7}.{ns:06} ms  ------  {}", self.what),
        }
    }
}

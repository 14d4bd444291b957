//! What is logged while a test runs.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use noleader_fixture::eventually;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::BOUND;

/// The lines that the library logs on this thread, which is all of it in a test with one thread.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Collects them for as long as the guard lives.
    pub(crate) fn collect() -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(lines.clone())
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    fn with(&self, parts: &[&str]) -> Option<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let mut lines = text.lines();
        let found = lines.find(|line| parts.iter().all(|part| line.contains(part)));
        found.map(str::to_owned)
    }

    /// Waits for a line with all of these parts.
    pub(crate) async fn until(&self, parts: &[&str]) -> String {
        let found = eventually(format!("a line with {parts:?}"), BOUND, async || {
            self.with(parts)
        });
        found
            .await
            .unwrap_or_else(|error| panic!("{error}:\n{self}"))
    }
}

impl std::fmt::Display for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0.lock().unwrap()))
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

//! What is logged while a test runs.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use noleader_fixture::eventually;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::layer,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

const BOUND: Duration = Duration::from_secs(60);

thread_local! {
    static HERE: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

/// One for all threads: with one for each, a line or a span that another thread meets for the first time at the
/// wrong moment is left out here.
static SUBSCRIBER: Once = Once::new();

/// The lines that the library logs on this thread, which is all of it in a test with one thread.
///
/// Do not look for what stands in the span of an election, such as its id: one that was entered before the first
/// test began to collect is not there.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

/// Ends the collecting.
pub(crate) struct Collecting;

impl Lines {
    /// Collects them for as long as the guard lives.
    pub(crate) fn collect() -> (Self, Collecting) {
        SUBSCRIBER.call_once(|| {
            let levels = Targets::new()
                .with_default(LevelFilter::INFO)
                .with_target("noleader", LevelFilter::TRACE);
            tracing_subscriber::registry()
                .with(layer().with_ansi(false).with_writer(|| Here))
                .with(levels)
                .init();
        });
        let lines = Self::default();
        HERE.set(Some(lines.clone()));
        (lines, Collecting)
    }

    /// Those with all of these parts, so far.
    pub(crate) fn with(&self, parts: &[&str]) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines();
        lines
            .filter(|line| parts.iter().all(|part| line.contains(part)))
            .map(str::to_owned)
            .collect()
    }

    /// Waits for a line with all of these parts.
    pub(crate) async fn until(&self, parts: &[&str]) -> String {
        let found = eventually(format!("a line with {parts:?}"), BOUND, async || {
            self.with(parts).into_iter().next()
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

impl Drop for Collecting {
    fn drop(&mut self) {
        HERE.set(None);
    }
}

/// Writes to the lines of the thread that logs, if it collects any.
struct Here;

impl Write for Here {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        HERE.with_borrow(|lines| match lines {
            Some(lines) => lines.0.lock().unwrap().write(bytes),
            None => Ok(bytes.len()),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

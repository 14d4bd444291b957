//! Collects the log lines of a test.

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

/// One subscriber for all threads. tracing caches per call site whether any subscriber is interested: with one
/// subscriber per thread, a thread that registers a call site at the wrong moment hides it from the others.
static SUBSCRIBER: Once = Once::new();

/// The lines that the library logs on this thread; in a single-threaded test these are all of its lines.
///
/// Do not search for fields of an election's span, such as its id. A span that was entered before the first test
/// started to collect is missing.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

/// Stops collecting when it is dropped.
pub(crate) struct Collecting;

impl Lines {
    /// Collects lines while the guard lives.
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

    /// The lines so far that contain all of these parts.
    pub(crate) fn with(&self, parts: &[&str]) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines();
        lines
            .filter(|line| parts.iter().all(|part| line.contains(part)))
            .map(str::to_owned)
            .collect()
    }

    /// Waits for a line that contains all of these parts.
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

/// Writes to the collection of the thread that logs, if it has one.
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

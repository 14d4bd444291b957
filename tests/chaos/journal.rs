//! Extracts the terms from the library's log, which states how each of them ended.

use std::{
    fmt,
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::layer,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::{
    clock::now,
    image::redirect,
    log::{Entry, Writer},
};

#[derive(Clone)]
pub(crate) struct Journal {
    /// The token of the latest hand-over; 0 if there was none.
    pub(crate) closing: Arc<AtomicU64>,
    text: Arc<File>,
}

impl Journal {
    /// Writes the library's log to another file from now on, in a process that is a copy.
    pub(crate) fn move_to(&self, log: &Path) -> io::Result<()> {
        redirect(&self.text, text(log)?)
    }
}

fn text(log: &Path) -> io::Result<File> {
    File::create(log.with_extension("txt"))
}

/// Writes the terms to `log`, and the library's log to a text file next to it.
pub(crate) fn install(log: Writer) -> Journal {
    let closing = Arc::<AtomicU64>::default();
    let text = Arc::new(text(log.path()).unwrap());
    let journal = Journal {
        closing: closing.clone(),
        text: text.clone(),
    };
    let text = layer().with_ansi(false).with_writer(text);
    tracing_subscriber::registry()
        .with(Terms { log, closing })
        .with(text)
        .with(Targets::new().with_target("noleader", LevelFilter::INFO))
        .init();
    journal
}

struct Terms {
    log: Writer,
    closing: Arc<AtomicU64>,
}

impl<S: Subscriber> Layer<S> for Terms {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let at = now();
        let mut line = Line::default();
        event.record(&mut line);
        let token = line.token;
        // A reworded message fails the run, since the checker then misses an entry.
        self.log.write(match line.message.as_str() {
            "won the election" => Entry::Won { token, at },
            "closed the gate; draining admitted requests" => {
                self.closing.store(token, Ordering::SeqCst);
                Entry::Shut { token, at }
            }
            "no longer leading" => Entry::Released { token, at },
            lost if lost.starts_with("lost the lease: ") => Entry::Lost { token, at },
            _ => return,
        });
    }
}

#[derive(Default)]
struct Line {
    message: String,
    token: u64,
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "token" {
            self.token = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}

//! Takes the terms out of the library's log: it tells exactly how each of them ended.

use std::{fmt, fs::File, path::Path, sync::Arc};

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
    log::{Entry, Writer},
};

/// Writes the terms into `log`, and all that the library says into a file beside it, for people.
pub(crate) fn install(log: Writer, path: &Path) {
    let text = File::create(path.with_extension("txt")).unwrap();
    let text = layer().with_ansi(false).with_writer(Arc::new(text));
    tracing_subscriber::registry()
        .with(Terms(log))
        .with(text)
        .with(Targets::new().with_target("noleader", LevelFilter::INFO))
        .init();
}

struct Terms(Writer);

impl<S: Subscriber> Layer<S> for Terms {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let at = now();
        let mut line = Line::default();
        event.record(&mut line);
        let token = line.token;
        self.0.write(match line.message.as_str() {
            "won the election" => Entry::Won { token, at },
            "handing over: the gate is shut, admitted requests finish" => Entry::Shut { token, at },
            // Of a term that was handed over; one that is lost ends with another line.
            "no longer leading" => Entry::Released { token, at },
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

//! Extracts the terms from the library's log, which states how each of them ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::File,
    io, mem,
    path::Path,
    sync::{Arc, Mutex},
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
    log::{Entry, TermId, Writer},
};

/// The terms that end, until their gates are seen closed.
pub(crate) type Closing = Arc<Mutex<BTreeSet<TermId>>>;

#[derive(Clone)]
pub(crate) struct Journal {
    pub(crate) closing: Closing,
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
    let closing = Closing::default();
    let text = Arc::new(text(log.path()).unwrap());
    let journal = Journal {
        closing: closing.clone(),
        text: text.clone(),
    };
    let text = layer().with_ansi(false).with_writer(text);
    tracing_subscriber::registry()
        .with(Terms {
            log,
            closing,
            current: Mutex::default(),
        })
        .with(text)
        .with(
            Targets::new()
                .with_target("noleader", LevelFilter::INFO)
                // The terms of single shards.
                .with_target("noleader::shards", LevelFilter::DEBUG),
        )
        .init();
    journal
}

struct Terms {
    log: Writer,
    closing: Closing,
    /// The current term of each shard, by its token.
    current: Mutex<BTreeMap<u32, Current>>,
}

struct Current {
    token: u64,
    is_shut: bool,
}

impl<S: Subscriber> Layer<S> for Terms {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let at = now();
        let mut line = Line::default();
        event.record(&mut line);
        let Line { shard, token, .. } = line;
        let term = TermId { shard, token };
        // A reworded message fails the run, since the checker then misses an entry.
        match line.message.as_str() {
            "won the election" => self.log.write(Entry::Won { term, at }),
            "closed the gate; draining admitted requests" => self.shut(term, at),
            "no longer leading" => self.log.write(Entry::Released { term, at }),
            lost if lost.starts_with("lost the lease: ") => {
                self.log.write(Entry::Lost { term, at });
            }

            "joined the shards" => self.log.write(Entry::Joined { at }),
            "leading the shard" => {
                let is_shut = false;
                self.current().insert(shard, Current { token, is_shut });
                self.log.write(Entry::Won { term, at });
            }
            "closed the gate of the shard" => {
                if let Some(current) = self.current().get_mut(&shard) {
                    self.shut_current(shard, current, at);
                }
            }
            "closed all gates; draining admitted requests" => {
                for (shard, current) in &mut *self.current() {
                    self.shut_current(*shard, current, at);
                }
            }
            "no longer leading the shard" => {
                let ended = self.current().remove(&shard);
                self.release(ended.map(|ended| (shard, ended)), at);
            }
            "ended the session" => self.release(mem::take(&mut *self.current()), at),
            "lost the shard: its record was overwritten or deleted" => {
                let ended = self.current().remove(&shard);
                self.lose(ended.map(|ended| (shard, ended)), at);
            }
            lost if lost.starts_with("lost all shards: ") => {
                self.lose(mem::take(&mut *self.current()), at);
            }
            _ => (),
        }
    }
}

impl Terms {
    fn current(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Current>> {
        self.current.lock().unwrap()
    }

    fn shut(&self, term: TermId, at: u64) {
        self.log.write(Entry::Shut { term, at });
        self.closing.lock().unwrap().insert(term);
    }

    fn shut_current(&self, shard: u32, current: &mut Current, at: u64) {
        if !mem::replace(&mut current.is_shut, true) {
            let token = current.token;
            self.shut(TermId { shard, token }, at);
        }
    }

    fn release(&self, ended: impl IntoIterator<Item = (u32, Current)>, at: u64) {
        for (shard, Current { token, .. }) in ended {
            let term = TermId { shard, token };
            self.log.write(Entry::Released { term, at });
        }
    }

    /// The gates close after this, so that no time is known until they are seen closed.
    fn lose(&self, ended: impl IntoIterator<Item = (u32, Current)>, at: u64) {
        for (shard, Current { token, .. }) in ended {
            let term = TermId { shard, token };
            self.log.write(Entry::Losing { term, at });
            self.closing.lock().unwrap().insert(term);
        }
    }
}

#[derive(Default)]
struct Line {
    message: String,
    shard: u32,
    token: u64,
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "token" => self.token = value,
            "shard" => self.shard = u32::try_from(value).unwrap(),
            _ => (),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}

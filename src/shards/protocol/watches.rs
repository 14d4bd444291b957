//! The watches of the bucket: which sequence was delivered without a gap, and when a watch is replaced.

use std::time::Duration;

use crate::clock::Moment;

/// At most two watches: while the newer one takes over, the older one may still deliver.
#[cfg_attr(test, derive(Clone))]
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// The number of watches that were ever opened.
    opened: u64,
    newest: Option<Watch>,
    older: Option<Watch>,
    /// Every message up to this sequence was delivered, or replaced before that.
    delivered: u64,
    epoch: Option<u64>,
    /// All that was in the stream at the beginning was delivered.
    is_complete: bool,
    failures: u32,
    retry_at: Moment,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
struct Watch {
    id: u64,
    /// The sequence after which it begins.
    after: u64,
    /// The number of the last message.
    index: u64,
    is_open: bool,
    /// When it was asked for, was opened, or delivered something.
    progress_at: Moment,
}

/// What a message means.
#[derive(Debug, PartialEq)]
pub(super) enum Delivery {
    /// It is the next message of the stream.
    New,
    /// It was delivered before, or belongs to a watch that was closed.
    Old,
    /// A message before it is missing.
    Gap,
}

/// What a new watch shows of the stream.
#[derive(Debug, PartialEq)]
pub(super) enum Stream {
    Same,
    Recreated,
    /// The stream ends before the sequence after which the watch begins.
    Shorter,
    /// The other watch has since delivered more than the stream had. This watch would hide a loss of that.
    Outdated,
}

impl Watches {
    /// Opens a watch. Returns its number, the sequence after which it begins, and a watch to close.
    pub(super) fn open(&mut self, now: Moment) -> (u64, u64, Option<u64>) {
        self.opened += 1;
        let watch = Watch {
            id: self.opened,
            after: self.delivered,
            index: 0,
            is_open: false,
            progress_at: now,
        };
        let closed = match self.newest.replace(watch) {
            None => None,
            Some(former) => self.older.replace(former).map(|oldest| oldest.id),
        };
        (self.opened, self.delivered, closed)
    }

    pub(super) fn opened(&mut self, now: Moment, id: u64, epoch: u64, last: u64) -> Option<Stream> {
        let watch = self.find(id)?;
        watch.is_open = true;
        watch.progress_at = now;
        let after = watch.after;
        self.failures = 0;
        match self.epoch.replace(epoch) {
            Some(before) if before != epoch => Some(Stream::Recreated),
            _ if last < after => Some(Stream::Shorter),
            _ if last < self.delivered => Some(Stream::Outdated),
            _ => Some(Stream::Same),
        }
    }

    pub(super) fn deliver(&mut self, now: Moment, id: u64, index: u64, sequence: u64) -> Delivery {
        let delivered = self.delivered;
        let Some(watch) = self.find(id) else {
            return Delivery::Old;
        };
        if !watch.is_open || index != watch.index + 1 {
            return Delivery::Gap;
        }
        watch.index = index;
        watch.progress_at = now;
        if sequence <= delivered {
            return Delivery::Old;
        }
        self.delivered = sequence;
        Delivery::New
    }

    /// Returns whether the bucket is now known as a whole, or none if a message is missing.
    pub(super) fn caught_up(&mut self, now: Moment, id: u64, index: u64) -> Option<bool> {
        let Some(watch) = self.find(id) else {
            return Some(false);
        };
        if !watch.is_open || index != watch.index {
            return None;
        }
        watch.progress_at = now;
        Some(!std::mem::replace(&mut self.is_complete, true))
    }

    /// Forgets a watch that has ended. Returns whether it was in use.
    pub(super) fn end(&mut self, id: u64) -> bool {
        if self.older.take_if(|w| w.id == id).is_some() {
            return true;
        }
        let ended = self.newest.take_if(|w| w.id == id).is_some();
        if ended {
            self.newest = self.older.take();
        }
        ended
    }

    /// The watch delivered what was awaited. Returns the other one, which is closed.
    pub(super) fn keep(&mut self, id: u64) -> Option<u64> {
        let older = self.older.take()?;
        if older.id == id {
            return self.newest.replace(older).map(|w| w.id);
        }
        Some(older.id)
    }

    /// Forgets the stream. Returns the watches to close.
    pub(super) fn reset(&mut self, now: Moment) -> impl Iterator<Item = u64> + use<> {
        let closed = [self.newest.take(), self.older.take()];
        self.delivered = 0;
        self.is_complete = false;
        self.retry_at = now;
        closed.into_iter().flatten().map(|w| w.id)
    }

    pub(super) fn back_off(&mut self, now: Moment, pause: impl FnOnce(u32) -> Duration) {
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + pause(self.failures);
    }

    /// When to open a watch, if nothing happens before. A watch that makes progress is not replaced.
    pub(super) fn open_at(
        &self,
        awaited_since: Option<Moment>,
        stall: Duration,
        patience: Duration,
    ) -> Option<Moment> {
        let Some(newest) = &self.newest else {
            return Some(self.retry_at);
        };
        if !newest.is_open || !self.is_complete {
            return Some(newest.progress_at + patience);
        }
        Some(awaited_since?.max(newest.progress_at) + stall)
    }

    /// The watch that is replaced by the next one.
    pub(super) fn newest(&self) -> Option<u64> {
        self.newest.as_ref().map(|w| w.id)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    fn find(&mut self, id: u64) -> Option<&mut Watch> {
        let watches = [&mut self.newest, &mut self.older];
        watches.into_iter().flatten().find(|w| w.id == id)
    }
}

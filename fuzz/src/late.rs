//! Delayed messages, which all others overtake.

use crate::{
    lease::Input,
    world::{Ask, Request, World},
};

pub(crate) enum Late {
    Request(Request),
    Letter((usize, u64, Input)),
}

impl World {
    pub(crate) fn hold_up_request(&mut self, which: usize, millis: u16) {
        if let Some(which) = which.checked_rem(self.requests.len()) {
            let request = self.requests.remove(which);
            self.hold_up(Late::Request(request), millis);
        }
    }

    /// Delays a message. If it arrives twice, only the second copy is late.
    pub(crate) fn hold_up_letter(&mut self, which: usize, millis: u16, again: bool) {
        if let Some(which) = which.checked_rem(self.letters.len()) {
            let letter = match again {
                true => self.letters[which].clone(),
                false => self.letters.remove(which),
            };
            self.hold_up(Late::Letter(letter), millis);
        }
    }

    fn hold_up(&mut self, late: Late, millis: u16) {
        let due = self.now + u64::from(millis % 2000) * 1000;
        self.late.push((due, late));
    }

    /// Delivers the messages that are due by then.
    pub(crate) fn let_go(&mut self, by: u64) {
        let (due, late) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(due, _)| *due <= by);
        self.late = late;
        for (_, late) in due {
            match late {
                Late::Request(request) => self.requests.push(request),
                Late::Letter(letter) => self.letters.push(letter),
            }
        }
    }

    /// Drops all writes in flight.
    pub(crate) fn lose_writes(&mut self) {
        let is_read = |request: &Request| matches!(request.ask, Ask::Read);
        self.requests.retain(is_read);
        self.late.retain(|(_, late)| match late {
            Late::Request(request) => is_read(request),
            Late::Letter(_) => true,
        });
    }
}

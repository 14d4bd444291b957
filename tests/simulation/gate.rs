//! A model of the gate in `src/task/gate.rs`, `term.rs` and `deadline.rs`: each read compares a deadline with the
//! node's own clock.

use noleader::clock::Moment;

/// A deadline that can be extended until a reader finds it passed.
#[derive(Clone, Copy, Debug, Default)]
struct Deadline(Option<Moment>);

impl Deadline {
    /// Reads the deadline, and marks it once it has passed.
    fn is_left(&mut self, now: Moment) -> bool {
        self.0 = self.0.filter(|deadline| now < *deadline);
        self.0.is_some()
    }

    fn extend(&mut self, to: Moment) -> bool {
        if self.0.is_some() {
            self.0 = Some(to);
        }
        self.0.is_some()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// The term that is held, if one is.
    pub(crate) token: Option<u64>,
    term: Deadline,
    until: Deadline,
    opening: Option<Opening>,
    /// Openings that are over, with requests inside.
    past: Vec<Opening>,
}

/// One opening, and how many requests are inside that it admitted.
#[derive(Debug)]
struct Opening {
    token: u64,
    inside: usize,
}

impl Gate {
    pub(crate) fn begin(&mut self, token: u64, deadline: Moment) {
        self.token = Some(token);
        self.term = Deadline(Some(deadline));
    }

    pub(crate) fn open(&mut self, deadline: Moment) {
        if let Some(token) = self.token {
            self.opening = Some(Opening { token, inside: 0 });
            self.until = Deadline(Some(deadline));
        }
    }

    /// Returns false if a reader has found the deadline of the term or of the gate passed.
    pub(crate) fn extend(&mut self, deadline: Moment) -> bool {
        self.term.extend(deadline) && (self.opening.is_none() || self.until.extend(deadline))
    }

    /// Shuts it. True if a request is still inside, of this opening or of an earlier one.
    pub(crate) fn shut(&mut self) -> bool {
        self.until = Deadline(None);
        let shut = self.opening.take();
        self.past.extend(shut.filter(|opening| opening.inside > 0));
        !self.past.is_empty()
    }

    /// Whether a request is inside that came in under another term than the one which is open.
    pub(crate) fn has_old_requests(&self) -> bool {
        !self.past.is_empty()
    }

    pub(crate) fn end(&mut self) {
        self.term = Deadline(None);
        self.token = None;
    }

    pub(crate) fn has_opening(&self) -> bool {
        self.opening.is_some()
    }

    pub(crate) fn is_open(&mut self, now: Moment) -> bool {
        self.until.is_left(now)
    }

    /// Lets a request in, and answers with the token that it carries.
    pub(crate) fn admit(&mut self, now: Moment) -> Option<u64> {
        let opening = self.opening.as_mut()?;
        let open = self.term.is_left(now) && self.until.0.is_some();
        open.then(|| {
            opening.inside += 1;
            opening.token
        })
    }

    /// A request that came in under `token` has finished. True if it was the last one behind a shut gate.
    pub(crate) fn leave(&mut self, token: u64) -> bool {
        let all = self.past.iter_mut().chain(&mut self.opening);
        if let Some(opening) = { all }.find(|o| o.token == token && o.inside > 0) {
            opening.inside -= 1;
        }
        self.past.retain(|opening| opening.inside > 0);
        self.opening.is_none() && self.past.is_empty()
    }

    /// When the gate closes at its deadline, if it is open and no reader has found that deadline passed.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.until.0.filter(|_| self.term.0.is_some())
    }

    /// Whether a request is inside, of whatever opening.
    pub(crate) fn has_requests(&self) -> bool {
        self.has_old_requests() || self.opening.as_ref().is_some_and(|o| o.inside > 0)
    }
}

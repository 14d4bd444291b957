//! Reduces the logs of all candidates to one record per term, so that a long run fits into memory.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    time::Duration,
};

use crate::{
    candidate::DRAIN_TIMEOUT,
    log::{self, Entry, TermId},
    writes::Writes,
};

/// One process of a candidate.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) candidate: usize,
    pub(crate) number: usize,
    pub(crate) log: PathBuf,
    /// When it was killed, or was found to have exited.
    pub(crate) ended: Option<u64>,
    pub(crate) copied: Option<Copied>,
}

/// A running process was copied between two times. The copy knows what the original knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) original: Holder,
    pub(crate) copy: Holder,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

impl Session {
    pub(crate) fn holder(&self) -> Holder {
        (self.candidate, self.number)
    }
}

/// The holder of a term: a candidate, and the number of its process.
pub(crate) type Holder = (usize, usize);

/// Everything that a process did in one term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tenure {
    pub(crate) term: TermId,
    pub(crate) holder: Holder,
    /// How often, and when first, the library logged that it had won.
    pub(crate) wins: u64,
    pub(crate) won: Option<u64>,
    /// When the lease was won on which the term rests, if the term has none of its own.
    pub(crate) joined: Option<u64>,
    pub(crate) admissions: u64,
    /// The gate was open, or admitted a request, at this time or earlier.
    pub(crate) first_inside: u64,
    /// The gate was open, or admitted a request, at this time or later.
    pub(crate) last_outside: u64,
    /// When the last request ended.
    pub(crate) last_done: u64,
    pub(crate) shut: Option<u64>,
    /// The gate had certainly closed by this time.
    pub(crate) shut_by: Option<u64>,
    pub(crate) released: Option<u64>,
    /// The same process had won a term with a larger token before.
    pub(crate) backwards: bool,
    /// The same process won another term without logging the end of this one.
    pub(crate) unended: bool,
    /// The number of requests that were in progress when the lease was about to be released, or arrived later.
    pub(crate) undrained: u64,
}

impl Tenure {
    pub(crate) fn new(term: TermId, holder: Holder) -> Self {
        Self {
            term,
            holder,
            wins: 0,
            won: None,
            joined: None,
            admissions: 0,
            first_inside: u64::MAX,
            last_outside: 0,
            last_done: 0,
            shut: None,
            shut_by: None,
            released: None,
            backwards: false,
            unended: false,
            undrained: 0,
        }
    }

    /// Whether the log lacks its start, its end, or the start of its hand-over.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.wins == 0 || self.unended || (self.released.is_some() && self.shut.is_none())
    }

    /// When it was handed over after all its requests ended; `None` if the drain timeout may have passed. The margin
    /// allows for a stop of the process between the start of the drain and the time logged for it.
    pub(crate) fn handed_over(&self) -> Option<u64> {
        let (shut, released) = (self.shut?, self.released?);
        (Duration::from_nanos(released - shut) < DRAIN_TIMEOUT / 2).then_some(released)
    }

    fn open(&mut self, outside: u64, inside: u64) {
        self.first_inside = self.first_inside.min(inside);
        self.last_outside = self.last_outside.max(outside);
    }

    fn shut_by(&mut self, at: u64) {
        self.shut_by = Some(self.shut_by.map_or(at, |earlier| earlier.min(at)));
    }

    /// The latest time that is known of it.
    fn latest(&self) -> u64 {
        let ends = [self.won, self.shut, self.shut_by, self.released];
        let ends = ends.into_iter().flatten().max().unwrap_or(0);
        ends.max(self.last_outside).max(self.last_done)
    }

    /// A time by which the term had certainly started.
    pub(crate) fn begun(&self) -> u64 {
        self.first_inside.min(self.won.unwrap_or(u64::MAX))
    }

    /// A time by which its lease had certainly started.
    pub(crate) fn leased(&self) -> u64 {
        self.joined.unwrap_or_else(|| self.begun())
    }
}

/// A period in which a candidate was stopped or received no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    pub(crate) candidate: usize,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// Sorted by shard and token.
    pub(crate) tenures: Vec<Tenure>,
    pub(crate) silences: Vec<Silence>,
    /// When the servers lost writes that they had acknowledged.
    pub(crate) losses: Vec<u64>,
    pub(crate) copies: Vec<Copied>,
    /// The processes that panicked, or whose election ended unexpectedly.
    pub(crate) dead: Vec<Holder>,
    pub(crate) writes: Writes,
}

impl History {
    /// Reads the logs of processes. The silences, losses and writes are left empty.
    pub(crate) fn read(sessions: &[Session]) -> Result<Self, String> {
        let mut history = Self::default();
        for session in sessions {
            // A process that was killed right after its start has no log.
            if !session.log.exists() {
                continue;
            }
            let mut reader = Reader::new(session.holder());
            log::read(&session.log, |entry| reader.add(entry))?;
            reader.finish(session.ended, session.copied, &mut history);
        }
        Ok(history)
    }

    pub(crate) fn admissions(&self) -> u64 {
        self.tenures.iter().map(|tenure| tenure.admissions).sum()
    }

    /// The number of terms that were seen with a closed gate before their release.
    pub(crate) fn drains(&self) -> usize {
        let seen = |tenure: &&Tenure| tenure.released > tenure.shut_by;
        self.tenures.iter().filter(seen).count()
    }

    pub(crate) fn hand_overs(&self) -> usize {
        let handed_over = |tenure: &&Tenure| tenure.handed_over().is_some();
        self.tenures.iter().filter(handed_over).count()
    }
}

/// Summarizes one log.
pub(crate) struct Reader {
    holder: Holder,
    tenures: BTreeMap<TermId, Tenure>,
    /// The requests in progress, with their terms.
    under_way: HashMap<u64, TermId>,
    joined: Option<u64>,
    /// The latest term of each shard, by its token, unless it has ended.
    current: HashMap<u32, u64>,
    /// The largest token of each shard so far.
    largest: HashMap<u32, u64>,
    dead: bool,
}

impl Reader {
    pub(crate) fn new(holder: Holder) -> Self {
        Self {
            holder,
            tenures: BTreeMap::new(),
            under_way: HashMap::new(),
            joined: None,
            current: HashMap::new(),
            largest: HashMap::new(),
            dead: false,
        }
    }

    pub(crate) fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Joined { at } => self.joined = Some(at),
            Entry::Won { term, at } => self.won(term, at),
            Entry::Admitted {
                id,
                term,
                outside,
                inside,
            } => {
                self.under_way.insert(id, term);
                let tenure = self.tenure(term);
                tenure.admissions += 1;
                tenure.undrained += u64::from(tenure.released.is_some());
                tenure.open(outside, inside);
            }
            Entry::Open {
                term,
                outside,
                inside,
            } => self.tenure(term).open(outside, inside),
            Entry::Done { id, at } => {
                if let Some(term) = self.under_way.remove(&id) {
                    let tenure = self.tenure(term);
                    tenure.last_done = tenure.last_done.max(at);
                }
            }
            Entry::Shut { term, at } => self.tenure(term).shut = Some(at),
            Entry::Released { term, at } => {
                let left = self.under_way.values().filter(|&&of| of == term).count();
                let tenure = self.tenure(term);
                tenure.released = Some(at);
                tenure.undrained += left as u64;
                tenure.shut_by(at);
                self.over(term);
            }
            Entry::Closed { term, at } => self.tenure(term).shut_by(at),
            Entry::Losing { term, .. } => {
                // A term that was never won has an incomplete log.
                self.tenure(term);
                self.over(term);
            }
            Entry::Lost { term, at } => {
                self.tenure(term).shut_by(at);
                self.over(term);
            }
            Entry::Died { .. } => self.dead = true,
        }
    }

    fn won(&mut self, term: TermId, at: u64) {
        let TermId { shard, token } = term;
        if let Some(unended) = self.current.insert(shard, token) {
            let token = unended;
            self.tenure(TermId { shard, token }).unended = true;
        }
        let largest = self.largest.entry(shard).or_default();
        let backwards = token < *largest;
        *largest = token.max(*largest);
        let joined = self.joined;
        let tenure = self.tenure(term);
        tenure.wins += 1;
        tenure.won.get_or_insert(at);
        tenure.joined = tenure.joined.or(joined);
        tenure.backwards |= backwards;
    }

    fn over(&mut self, term: TermId) {
        let TermId { shard, token } = term;
        if self.current.get(&shard) == Some(&token) {
            self.current.remove(&shard);
        }
    }

    /// Requests in progress end when the process is killed. Of a copy, only what it did itself is added.
    pub(crate) fn finish(
        mut self,
        ended: Option<u64>,
        copied: Option<Copied>,
        history: &mut History,
    ) {
        for term in std::mem::take(&mut self.under_way).into_values() {
            let tenure = self.tenure(term);
            tenure.last_done = tenure.last_done.max(ended.unwrap_or(0));
        }
        history.dead.extend(self.dead.then_some(self.holder));
        if let Some(copied) = copied {
            history.copies.push(copied);
            self.tenures
                .retain(|_, tenure| tenure.latest() > copied.from);
        }
        history.tenures.extend(self.tenures.into_values());
        history.tenures.sort_by_key(|tenure| tenure.term);
    }

    fn tenure(&mut self, term: TermId) -> &mut Tenure {
        let holder = self.holder;
        let new = || Tenure::new(term, holder);
        self.tenures.entry(term).or_insert_with(new)
    }
}

//! The log of a candidate. Each entry is written at once, so that a SIGKILL loses none.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Write, stderr},
    path::{Path, PathBuf},
    process,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{clock::now, image::redirect};

/// A term: its shard, and its token, which no other term of the shard has. An election is the shard 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TermId {
    pub(crate) shard: u32,
    pub(crate) token: u64,
}

/// One line. The times are from [`now`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A lease of several shards was won, on which the terms that follow rest.
    Joined { at: u64 },
    /// A term was won.
    Won { term: TermId, at: u64 },
    /// A request was admitted between `outside`, read before the gate, and `inside`, read in the handler. The
    /// process may have been stopped in between.
    Admitted {
        id: u64,
        term: TermId,
        outside: u64,
        inside: u64,
    },
    /// The gate was open at some instant between `outside` and `inside`, without a request.
    Open {
        term: TermId,
        outside: u64,
        inside: u64,
    },
    /// The request has ended; its admission ends right after.
    Done { id: u64, at: u64 },
    /// A hand-over starts: the gate is about to close.
    Shut { term: TermId, at: u64 },
    /// The gate of a term that ends was seen closed.
    Closed { term: TermId, at: u64 },
    /// The term ended by a hand-over, and the lease is about to be released.
    Released { term: TermId, at: u64 },
    /// The term is about to end in another way.
    Losing { term: TermId, at: u64 },
    /// The term ended in another way, and the gate has closed.
    Lost { term: TermId, at: u64 },
    /// The process panicked, or its election ended unexpectedly.
    Died { at: u64 },
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined { at } => write!(f, "J {at}"),
            Self::Won { term, at } => write!(f, "W {term} {at}"),
            Self::Admitted {
                id,
                term,
                outside,
                inside,
            } => write!(f, "A {id} {term} {outside} {inside}"),
            Self::Open {
                term,
                outside,
                inside,
            } => write!(f, "O {term} {outside} {inside}"),
            Self::Done { id, at } => write!(f, "D {id} {at}"),
            Self::Shut { term, at } => write!(f, "S {term} {at}"),
            Self::Closed { term, at } => write!(f, "G {term} {at}"),
            Self::Released { term, at } => write!(f, "R {term} {at}"),
            Self::Losing { term, at } => write!(f, "E {term} {at}"),
            Self::Lost { term, at } => write!(f, "L {term} {at}"),
            Self::Died { at } => write!(f, "X {at}"),
        }
    }
}

impl fmt::Display for TermId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.shard, self.token)
    }
}

impl FromStr for Entry {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let bad = || format!("not an entry of a candidate's log: {line:?}");
        let (kind, numbers) = line.split_once(' ').ok_or_else(bad)?;
        let numbers: Result<Vec<u64>, _> = numbers.split(' ').map(str::parse).collect();
        let numbers = numbers.map_err(|_| bad())?;
        let term = |shard, token| {
            let shard = u32::try_from(shard).map_err(|_| bad())?;
            Ok::<_, String>(TermId { shard, token })
        };
        Ok(match (kind, &numbers[..]) {
            ("J", &[at]) => Self::Joined { at },
            ("D", &[id, at]) => Self::Done { id, at },
            ("X", &[at]) => Self::Died { at },
            ("A", &[id, shard, token, outside, inside]) => Self::Admitted {
                id,
                term: term(shard, token)?,
                outside,
                inside,
            },
            ("O", &[shard, token, outside, inside]) => Self::Open {
                term: term(shard, token)?,
                outside,
                inside,
            },
            (kind, &[shard, token, at]) => {
                let term = term(shard, token)?;
                match kind {
                    "W" => Self::Won { term, at },
                    "S" => Self::Shut { term, at },
                    "G" => Self::Closed { term, at },
                    "R" => Self::Released { term, at },
                    "E" => Self::Losing { term, at },
                    "L" => Self::Lost { term, at },
                    _ => return Err(bad()),
                }
            }
            _ => return Err(bad()),
        })
    }
}

/// Appends lines, each with one `write(2)`. Clones share the file.
#[derive(Clone, Debug)]
pub(crate) struct Writer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    path: PathBuf,
    ids: AtomicU64,
}

impl Writer {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create_new(true).open(path)?;
        Ok(Self::to(file, path))
    }

    fn to(file: File, path: &Path) -> Self {
        let (path, ids) = (path.to_owned(), AtomicU64::new(0));
        Self(Arc::new(Inner { file, path, ids }))
    }

    /// Where this process logs.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Appends to another file from now on, in a process that is a copy.
    pub(crate) fn move_to(&self, path: &Path) -> io::Result<()> {
        redirect(&self.0.file, File::options().append(true).open(path)?)
    }

    /// Aborts the process if the line cannot be written, since a missing line could hide a violation. A panic would
    /// end only the task of one request.
    pub(crate) fn write(&self, entry: Entry) {
        let line = format!("{entry}\n");
        let written = (&self.0.file).write(line.as_bytes());
        if !matches!(written, Ok(length) if length == line.len()) {
            let _ = writeln!(stderr(), "could not write to the log: {written:?}");
            process::abort();
        }
    }

    /// Logs an admission. Dropping the result logs its end.
    pub(crate) fn admitted(&self, term: TermId, outside: u64) -> Admitted {
        let inside = now();
        let id = self.0.ids.fetch_add(1, Ordering::Relaxed);
        self.write(Entry::Admitted {
            id,
            term,
            outside,
            inside,
        });
        Admitted {
            log: self.clone(),
            id,
        }
    }
}

/// A request in progress.
#[derive(Debug)]
pub(crate) struct Admitted {
    log: Writer,
    id: u64,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.log.write(Entry::Done {
            id: self.id,
            at: now(),
        });
    }
}

/// Reads a log line by line. It ignores an incomplete last line, which a SIGKILL leaves.
pub(crate) fn read(path: &Path, mut each: impl FnMut(Entry)) -> Result<(), String> {
    let told = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let mut file = BufReader::new(File::open(path).map_err(|error| told(&error))?);
    let mut line = String::new();
    loop {
        line.clear();
        file.read_line(&mut line).map_err(|error| told(&error))?;
        let Some(whole) = line.strip_suffix('\n') else {
            return Ok(());
        };
        each(whole.parse().map_err(|error: String| told(&error))?);
    }
}

#[cfg(test)]
mod tests {
    use std::{env, os::unix::process::ExitStatusExt};

    use super::*;

    const FULL: &str = "NOLEADER_CHAOS_FULL_DISK";
    const SIGABRT: i32 = 6;
    const TERM: TermId = TermId { shard: 3, token: 7 };

    fn all(path: &Path) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        read(path, |entry| entries.push(entry)).map(|()| entries)
    }

    #[test]
    fn written_entries_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = Writer::create(&path).unwrap();
        log.write(Entry::Won { term: TERM, at: 1 });
        let before = now();
        drop(log.admitted(TERM, before));
        let others = [
            Entry::Open {
                term: TERM,
                outside: 5,
                inside: 6,
            },
            Entry::Shut { term: TERM, at: 8 },
            Entry::Closed { term: TERM, at: 9 },
            Entry::Released { term: TERM, at: 10 },
            Entry::Losing { term: TERM, at: 11 },
            Entry::Lost { term: TERM, at: 11 },
            Entry::Joined { at: 11 },
            Entry::Died { at: 12 },
        ];
        for entry in others {
            log.write(entry);
        }
        let entries = all(&path).unwrap();
        let [
            Entry::Won { term: TERM, at: 1 },
            Entry::Admitted {
                id: 0,
                term: TERM,
                outside,
                inside,
            },
            Entry::Done { id: 0, at },
            ref rest @ ..,
        ] = entries[..]
        else {
            panic!("{entries:?}");
        };
        assert!(outside == before && before <= inside && inside <= at);
        assert_eq!(rest, others);
    }

    #[test]
    fn process_aborts_when_its_log_is_full() {
        const NAME: &str = "log::tests::process_aborts_when_its_log_is_full";
        if env::var_os(FULL).is_some() {
            let log = Writer::to(
                File::options().append(true).open("/dev/full").unwrap(),
                Path::new("/dev/full"),
            );
            let _ = std::thread::spawn(move || log.admitted(TERM, 0)).join();
            return;
        }
        let output = process::Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(FULL, "")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(SIGABRT), "{said}");
        assert!(said.contains("could not write to the log"), "{said}");
    }

    #[test]
    fn truncated_last_line_is_ignored_but_garbage_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "W 3 7 1\nD 0 1").unwrap();
        assert_eq!(all(&path), Ok(vec![Entry::Won { term: TERM, at: 1 }]));
        for garbage in [
            "W 3 7\n",
            "X 3 7 1\n",
            "W 3 7 x\n",
            "W 4294967296 7 1\n",
            "\n",
        ] {
            std::fs::write(&path, garbage).unwrap();
            assert!(all(&path).is_err(), "{garbage:?}");
        }
    }
}

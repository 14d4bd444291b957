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

/// One line. The times are from [`now`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A term was won.
    Won { token: u64, at: u64 },
    /// A request was admitted between `outside`, read before the gate, and `inside`, read in the handler. The
    /// process may have been stopped in between.
    Admitted {
        id: u64,
        token: u64,
        outside: u64,
        inside: u64,
    },
    /// The gate was open at some instant between `outside` and `inside`, without a request.
    Open {
        token: u64,
        outside: u64,
        inside: u64,
    },
    /// The request has ended; its admission ends right after.
    Done { id: u64, at: u64 },
    /// A hand-over starts: the gate is about to close.
    Shut { token: u64, at: u64 },
    /// The status shows that the gate has closed.
    Draining { token: u64, at: u64 },
    /// The term ended by a hand-over, and the lease is about to be released.
    Released { token: u64, at: u64 },
    /// The term ended in another way, and the gate has closed.
    Lost { token: u64, at: u64 },
    /// The process panicked, or its election ended unexpectedly.
    Died { at: u64 },
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Won { token, at } => write!(f, "W {token} {at}"),
            Self::Admitted {
                id,
                token,
                outside,
                inside,
            } => write!(f, "A {id} {token} {outside} {inside}"),
            Self::Open {
                token,
                outside,
                inside,
            } => write!(f, "O {token} {outside} {inside}"),
            Self::Done { id, at } => write!(f, "D {id} {at}"),
            Self::Shut { token, at } => write!(f, "S {token} {at}"),
            Self::Draining { token, at } => write!(f, "G {token} {at}"),
            Self::Released { token, at } => write!(f, "R {token} {at}"),
            Self::Lost { token, at } => write!(f, "L {token} {at}"),
            Self::Died { at } => write!(f, "X {at}"),
        }
    }
}

impl FromStr for Entry {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let bad = || format!("not an entry of a candidate's log: {line:?}");
        let (kind, numbers) = line.split_once(' ').ok_or_else(bad)?;
        let numbers: Result<Vec<u64>, _> = numbers.split(' ').map(str::parse).collect();
        let numbers = numbers.map_err(|_| bad())?;
        match (kind, &numbers[..]) {
            ("W", &[token, at]) => Ok(Self::Won { token, at }),
            ("A", &[id, token, outside, inside]) => Ok(Self::Admitted {
                id,
                token,
                outside,
                inside,
            }),
            ("O", &[token, outside, inside]) => Ok(Self::Open {
                token,
                outside,
                inside,
            }),
            ("D", &[id, at]) => Ok(Self::Done { id, at }),
            ("S", &[token, at]) => Ok(Self::Shut { token, at }),
            ("G", &[token, at]) => Ok(Self::Draining { token, at }),
            ("R", &[token, at]) => Ok(Self::Released { token, at }),
            ("L", &[token, at]) => Ok(Self::Lost { token, at }),
            ("X", &[at]) => Ok(Self::Died { at }),
            _ => Err(bad()),
        }
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
    pub(crate) fn admitted(&self, token: u64, outside: u64) -> Admitted {
        let inside = now();
        let id = self.0.ids.fetch_add(1, Ordering::Relaxed);
        self.write(Entry::Admitted {
            id,
            token,
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

    fn all(path: &Path) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        read(path, |entry| entries.push(entry)).map(|()| entries)
    }

    #[test]
    fn written_entries_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = Writer::create(&path).unwrap();
        log.write(Entry::Won { token: 7, at: 1 });
        let before = now();
        drop(log.admitted(7, before));
        let others = [
            Entry::Open {
                token: 7,
                outside: 5,
                inside: 6,
            },
            Entry::Shut { token: 7, at: 8 },
            Entry::Draining { token: 7, at: 9 },
            Entry::Released { token: 7, at: 10 },
            Entry::Lost { token: 7, at: 11 },
            Entry::Died { at: 12 },
        ];
        for entry in others {
            log.write(entry);
        }
        let entries = all(&path).unwrap();
        let [
            Entry::Won { token: 7, at: 1 },
            Entry::Admitted {
                id: 0,
                token: 7,
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
            let _ = std::thread::spawn(move || log.admitted(7, 0)).join();
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
        std::fs::write(&path, "W 7 1\nD 0 1").unwrap();
        assert_eq!(all(&path), Ok(vec![Entry::Won { token: 7, at: 1 }]));
        for garbage in ["W 7\n", "X 7 1\n", "W 7 x\n", "\n"] {
            std::fs::write(&path, garbage).unwrap();
            assert!(all(&path).is_err(), "{garbage:?}");
        }
    }
}

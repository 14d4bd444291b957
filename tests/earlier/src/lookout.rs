//! The thread of a candidate that reads its flag and logs the results.

use std::{
    convert::Infallible,
    fs::File,
    io::{self, Write},
    path::Path,
    process, thread,
    time::Duration,
};

use crate::{
    clock::now_ns,
    look::{GAP_NS, Line, Look, Seen},
};

/// The intervals at which a follower and a leader read the flag.
const FOLLOWER: Duration = Duration::from_millis(2);
const LEADER: Duration = Duration::from_micros(500);
/// After a gap the thread reads more often for this long, since a stale flag may be corrected within a
/// millisecond.
const AWAKE: Duration = Duration::from_micros(50);
const AWAKE_FOR_NS: u64 = 100_000_000;
/// The interval at which a leader writes a line.
const LINE_EVERY_NS: u64 = 10_000_000;

/// Reads `leads` in an endless loop on its own thread, so that the reads do not depend on a runtime.
pub(crate) fn start(log: &Path, leads: impl Fn() -> bool + Send + 'static) -> io::Result<()> {
    let mut diary = Diary::new(File::create(log)?);
    thread::spawn(move || {
        let Err(error) = keep(&mut diary, leads);
        eprintln!("could not write the log: {error}");
        // A candidate without a log would seem to follow.
        process::exit(1);
    });
    Ok(())
}

fn keep(diary: &mut Diary<File>, leads: impl Fn() -> bool) -> io::Result<Infallible> {
    loop {
        let before_ns = now_ns();
        let leading = leads();
        let after_ns = now_ns();
        let look = Look {
            before_ns,
            after_ns,
        };
        diary.note(leading, look)?;
        thread::sleep(diary.pause(leading, after_ns));
    }
}

/// Logs the reads that start, continue or end a claim.
struct Diary<W> {
    out: W,
    /// The last read, and whether it said "leader".
    last: Option<(bool, Look)>,
    written_ns: u64,
    awake_until_ns: u64,
}

impl<W: Write> Diary<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            last: None,
            written_ns: 0,
            awake_until_ns: 0,
        }
    }

    fn note(&mut self, leading: bool, look: Look) -> io::Result<()> {
        let last = self.last.replace((leading, look));
        let gap = last.is_none_or(|(_, last)| look.after_ns - last.before_ns > GAP_NS);
        if gap {
            self.awake_until_ns = look.after_ns + AWAKE_FOR_NS;
        }
        let last = last.filter(|_| !gap);
        match (last, leading) {
            (Some((true, _)), true) if look.before_ns < self.written_ns + LINE_EVERY_NS => Ok(()),
            (Some((true, _)), true) => self.write(Seen::GoesOn, look),
            (_, true) => self.write(Seen::Begins, look),
            (Some((true, last)), false) => {
                if last.before_ns > self.written_ns {
                    self.write(Seen::GoesOn, last)?;
                }
                self.write(Seen::Follows, look)
            }
            (None, false) => self.write(Seen::Follows, look),
            (Some((false, _)), false) => Ok(()),
        }
    }

    fn write(&mut self, seen: Seen, look: Look) -> io::Result<()> {
        self.written_ns = look.before_ns;
        // A single system call, so that a kill leaves only complete lines.
        let line = format!("{}\n", Line { seen, look });
        self.out.write_all(line.as_bytes())
    }

    fn pause(&self, leading: bool, now_ns: u64) -> Duration {
        match leading {
            _ if now_ns < self.awake_until_ns => AWAKE,
            true => LEADER,
            false => FOLLOWER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn written(looks: &[(bool, u64)]) -> Vec<String> {
        let mut diary = Diary::new(Vec::new());
        for (leading, at_ms) in looks {
            let look = Look {
                before_ns: at_ms * MS,
                after_ns: at_ms * MS,
            };
            diary.note(*leading, look).unwrap();
        }
        let text = String::from_utf8(diary.out).unwrap();
        let line = |line: &str| {
            let line: Line = line.parse().unwrap();
            format!("{:?} {}", line.seen, line.look.before_ns / MS)
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn changes_and_periodic_lines_are_logged() {
        let looks = [
            (false, 1),
            (false, 3),
            (true, 5),
            (true, 7),
            (true, 16),
            (true, 18),
            (false, 20),
        ];
        let expected = [
            "Follows 1",
            "Begins 5",
            "GoesOn 16",
            "GoesOn 18",
            "Follows 20",
        ];
        assert_eq!(written(&looks), expected);
    }

    #[test]
    fn gap_starts_a_new_claim() {
        let looks = [(true, 1), (true, 2), (true, 90), (true, 91), (false, 300)];
        assert_eq!(written(&looks), ["Begins 1", "Begins 90", "Follows 300"]);
    }
}

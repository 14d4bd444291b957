//! One run, from its settings to its verdict.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::Mutex;

use crate::{
    candidate::{LEASE, Risk},
    cast::Cast,
    checker::{Violation, check},
    clock::now,
    faults::step_down,
    history::History,
    open_time::{OpenTime, open_time},
    plan::plan,
    report::report,
    timeline::timeline,
    traffic::{Tally, Traffic},
    trouble::{self, Faults},
};

/// In plain `cargo test`. Long enough for all that a run must have.
const LENGTH: Duration = Duration::from_secs(20);
/// Writes that show that there is a leader.
pub(crate) const SOME_WRITES: u64 = 20;
/// Held by a run: two at once would slow each other down.
pub(crate) static ALONE: Mutex<()> = Mutex::const_new(());

/// After all faults: those before may have met no leader.
const HAND_OVERS: usize = 3;

/// What is chosen from outside.
pub(crate) struct Settings {
    seed: u64,
    length: Duration,
}

/// All that is known of a run that is over.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) from: u64,
    /// When the last fault was undone, and when writes were taken after that.
    pub(crate) quiet: u64,
    pub(crate) recovered: u64,
    pub(crate) until: u64,
    /// For how long a write was taken.
    pub(crate) available: Duration,
    pub(crate) gates: OpenTime,
    pub(crate) faults: Faults,
    pub(crate) history: History,
    pub(crate) tally: Arc<Tally>,
    pub(crate) stored: u64,
    pub(crate) stale: u64,
    pub(crate) violations: Vec<Violation>,
}

impl Settings {
    /// `NOLEADER_CHAOS_SECS` and `NOLEADER_CHAOS_SEED`, or a short run with a random seed.
    pub(crate) fn from_env() -> Self {
        let number = |name| {
            let text = env::var(name).ok()?;
            Some(
                text.parse()
                    .unwrap_or_else(|_| panic!("{name} is {text:?}, and no number")),
            )
        };
        Self {
            seed: number("NOLEADER_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000)),
            length: number("NOLEADER_CHAOS_SECS").map_or(LENGTH, Duration::from_secs),
        }
    }

    /// How to run it again. The seed chooses the faults; what meets what is up to the machine.
    pub(crate) fn command(&self) -> String {
        format!(
            "NOLEADER_CHAOS_SEED={} NOLEADER_CHAOS_SECS={} cargo test --test chaos faults",
            self.seed,
            self.length.as_secs()
        )
    }
}

/// Runs it, and writes its report and its timeline.
pub(crate) async fn run(settings: &Settings) -> Run {
    let _alone = ALONE.lock().await;
    let run = play(settings, logs("logs")).await;
    let folder = folder();
    fs::write(folder.join("report.txt"), report(&run)).unwrap();
    fs::write(folder.join("timeline.svg"), timeline(&run)).unwrap();
    run
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos")
}

/// A fresh folder for logs, which stay there for the case that something is wrong with them.
pub(crate) fn logs(name: &str) -> PathBuf {
    let logs = folder().join(name);
    match fs::remove_dir_all(&logs) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
        _ => fs::create_dir_all(&logs).unwrap(),
    }
    logs
}

async fn play(settings: &Settings, logs: PathBuf) -> Run {
    let Settings { seed, length } = *settings;
    let cast = Cast::start(logs, Risk::None).await;
    let mut traffic = Traffic::start(&cast, seed);
    traffic.more(SOME_WRITES).await;

    let (from, before) = (now(), traffic.tally.available());
    let mut faults = trouble::run(&cast, &traffic, &plan(seed, length), length).await;
    let quiet = now();
    traffic.more(SOME_WRITES).await;
    let recovered = now();
    for _ in 0..HAND_OVERS {
        let leader = &cast.candidates[traffic.leader().await];
        faults.planned += 1;
        faults.done.push(step_down(leader).await);
        traffic.more(SOME_WRITES).await;
    }
    let until = now();

    cast.answers().await;
    traffic.stop().await;
    let sessions = cast.end().await;
    let history = History::read(&sessions, trouble::silences(&faults.done)).unwrap();
    Run {
        seed,
        from,
        quiet,
        recovered,
        until,
        available: traffic.tally.available() - before,
        gates: open_time(&history.tenures, from, until),
        violations: check(&history, LEASE),
        tally: traffic.tally.clone(),
        stored: cast.storage.taken(),
        stale: cast.storage.stale(),
        history,
        faults,
    }
}

impl Run {
    /// Why this run proves nothing, if so: hardly anything happened.
    pub(crate) fn idle(&self) -> Option<String> {
        let secs = (self.until - self.from) / 1_000_000_000;
        let taken = self.tally.taken.load(Ordering::Relaxed);
        let least = [
            (
                "terms",
                self.history.tenures.len() as u64,
                (secs / 20).max(2),
            ),
            (
                "hand-overs",
                self.history.hand_overs() as u64,
                1 + secs / 120,
            ),
            ("drains that were seen", self.history.drains() as u64, 1),
            ("admissions", self.history.admissions(), secs * 2),
            ("writes that were taken", taken, secs * 2),
            ("writes in the storage", self.stored, taken),
            (
                "faults with an effect",
                (self.faults.done.len() - self.faults.idle()) as u64,
                secs / 6,
            ),
        ];
        let idle = least.iter().find(|(_, is, least)| is < least)?;
        Some(format!("only {} {}, and not {}", idle.1, idle.0, idle.2))
    }
}

//! One run, from its settings to its result.

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

/// The duration in a plain `cargo test`: long enough for every event that a run must contain.
const LENGTH: Duration = Duration::from_secs(20);
/// A number of accepted writes that shows that there is a leader.
pub(crate) const SOME_WRITES: u64 = 20;
/// Locked by a run, since two concurrent runs would slow each other down.
pub(crate) static ALONE: Mutex<()> = Mutex::const_new(());

/// Step-downs after all faults, since earlier ones may have found no leader.
const HAND_OVERS: usize = 3;

/// The settings from the environment.
pub(crate) struct Settings {
    seed: u64,
    length: Duration,
}

/// Everything known about a completed run.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) from: u64,
    /// When the last fault ended, and when writes were accepted after that.
    pub(crate) quiet: u64,
    pub(crate) recovered: u64,
    pub(crate) until: u64,
    /// How long writes were accepted.
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
                    .unwrap_or_else(|_| panic!("{name} is {text:?}, which is not a number")),
            )
        };
        Self {
            seed: number("NOLEADER_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000)),
            length: number("NOLEADER_CHAOS_SECS").map_or(LENGTH, Duration::from_secs),
        }
    }

    /// The command that repeats the run. The seed decides the faults; their interleaving depends on the machine.
    pub(crate) fn command(&self) -> String {
        format!(
            "NOLEADER_CHAOS_SEED={} NOLEADER_CHAOS_SECS={} cargo test --test chaos faults",
            self.seed,
            self.length.as_secs()
        )
    }
}

/// Executes a run, and writes its report and its timeline.
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

/// An empty folder for logs, which are kept for the diagnosis of a failure.
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
    let (silences, losses) = (
        trouble::silences(&faults.done),
        trouble::losses(&faults.done),
    );
    let history = History::read(&sessions, silences, losses).unwrap();
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
    /// Why this run proves nothing, if too little happened.
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
            ("observed drains", self.history.drains() as u64, 1),
            ("admissions", self.history.admissions(), secs * 2),
            ("accepted writes", taken, secs * 2),
            ("writes in the storage", self.stored, taken),
            (
                "faults with an effect",
                (self.faults.done.len() - self.faults.idle()) as u64,
                secs / 6,
            ),
        ];
        let idle = least.iter().find(|(_, is, least)| is < least)?;
        Some(format!(
            "only {} {} instead of at least {}",
            idle.1, idle.0, idle.2
        ))
    }
}

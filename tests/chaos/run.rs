//! One run, from its settings to its result.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::Mutex;

use crate::{
    candidate::LEASE,
    cast::Cast,
    checker::{Violation, check},
    clock::now,
    faults::hand_over,
    history::History,
    kind::Kind,
    open_time::{OpenTime, of_shards},
    plan::plan,
    report::report,
    timeline::timeline,
    traffic::{Tally, Traffic},
    trouble::{self, Faults},
    writes::Writes,
};

/// The duration in a plain `cargo test`: long enough for every event that a run must contain.
const LENGTH: Duration = Duration::from_secs(20);
/// A number of accepted writes that shows that there is a leader.
pub(crate) const SOME_WRITES: u64 = 20;
/// Locked by each test that starts processes, but for the two runs with faults. So three sets of processes run at a time:
/// more of them would slow each other down.
pub(crate) static BESIDE_FAULTS: Mutex<()> = Mutex::const_new(());

/// Hand-overs after all faults, since earlier ones may have found no leader.
const HAND_OVERS: usize = 3;

/// The settings from the environment.
pub(crate) struct Settings {
    kind: Kind,
    seed: u64,
    length: Duration,
}

/// Everything known about a completed run.
pub(crate) struct Run {
    pub(crate) kind: Kind,
    pub(crate) seed: u64,
    /// Whether every shard was served again after the faults.
    pub(crate) served: Result<(), String>,
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
    pub(crate) stale: u64,
    pub(crate) violations: Vec<Violation>,
}

impl Settings {
    /// `NOLEADER_CHAOS_SECS` and `NOLEADER_CHAOS_SEED`, or a short run with a random seed.
    pub(crate) fn from_env(kind: Kind) -> Self {
        let number = |name| {
            let text = env::var(name).ok()?;
            Some(
                text.parse()
                    .unwrap_or_else(|_| panic!("{name} is {text:?}, which is not a number")),
            )
        };
        Self {
            kind,
            seed: number("NOLEADER_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000)),
            length: number("NOLEADER_CHAOS_SECS").map_or(LENGTH, Duration::from_secs),
        }
    }

    /// The command that repeats the run. The seed decides the faults; their interleaving depends on the machine.
    pub(crate) fn command(&self) -> String {
        format!(
            "NOLEADER_CHAOS_SEED={} NOLEADER_CHAOS_SECS={} cargo test --test chaos faults_on_{}",
            self.seed,
            self.length.as_secs(),
            self.kind.name()
        )
    }
}

/// Executes a run, and writes its report and its timeline.
pub(crate) async fn run(settings: &Settings) -> Run {
    let name = settings.kind.name();
    let run = play(settings, logs(name)).await;
    let file = |what: &str| folder().join(format!("{name}-{what}"));
    fs::write(file("report.txt"), report(&run)).unwrap();
    fs::write(file("timeline.svg"), timeline(&run)).unwrap();
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
    let Settings { kind, seed, length } = *settings;
    let cast = Cast::start(logs, kind).await;
    let mut traffic = Traffic::start(&cast, seed);
    traffic.more(SOME_WRITES).await;

    let (from, before) = (now(), traffic.tally.available());
    let mut faults = trouble::run(&cast, &traffic, &plan(kind, seed, length), length).await;
    let quiet = now();
    // The history is checked in any case.
    let mut served = traffic.reach(SOME_WRITES).await;
    let recovered = now();
    for _ in 0..HAND_OVERS {
        if served.is_err() {
            break;
        }
        let leader = &cast.candidates[traffic.leader().await];
        faults.planned += 1;
        faults.done.extend(hand_over(kind, leader).await);
        served = traffic.reach(SOME_WRITES).await;
    }
    let until = now();

    cast.answers().await;
    traffic.stop().await;
    let sessions = cast.end().await;
    let history = History {
        silences: trouble::silences(&faults.done),
        losses: trouble::losses(&faults.done),
        writes: Writes {
            accepted: traffic.tally.accepted(),
            stored: cast.storage.stored(),
        },
        ..History::read(&sessions).unwrap()
    };
    Run {
        kind,
        seed,
        served,
        from,
        quiet,
        recovered,
        until,
        available: traffic.tally.available() - before,
        gates: of_shards(&history.tenures, kind.shards(), from, until),
        violations: check(&history, LEASE),
        tally: traffic.tally.clone(),
        stale: cast.storage.stale(),
        history,
        faults,
    }
}

impl Run {
    /// Why this run proves nothing, if too little happened.
    pub(crate) fn idle(&self) -> Option<String> {
        let secs = (self.until - self.from) / 1_000_000_000;
        let (taken, shards) = (self.tally.taken(), u64::from(self.kind.shards().get()));
        let least = [
            (
                "terms",
                self.history.tenures.len() as u64,
                shards * (secs / 20).max(2),
            ),
            (
                "hand-overs",
                self.history.hand_overs() as u64,
                1 + secs / 120,
            ),
            ("observed drains", self.history.drains() as u64, 1),
            ("admissions", self.history.admissions(), secs * 2),
            ("accepted writes", taken, secs * 2),
            (
                "writes in the storage",
                self.history.writes.stored.len() as u64,
                taken,
            ),
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

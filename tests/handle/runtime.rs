//! The time, tasks and random numbers of a simulation.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use noleader::{
    Builder, Journal, Status,
    clock::Moment,
    lease::{Action, Ended, Input, Machine, Readings},
    runtime::{BoxFuture, Random, Runtime, Spawn, Spawner},
    store::Memory,
    test_util::FakeClock,
};
use tokio::sync::Semaphore;

use crate::{
    lines::Lines,
    support::{candidate, settle},
};

/// More steps than a test takes.
const MANY: usize = 1000;

/// Tasks that take a step for each permit.
#[derive(Clone)]
struct Place {
    steps: Arc<Semaphore>,
    spawned: Arc<AtomicUsize>,
}

impl Place {
    fn new(steps: usize) -> Self {
        Self {
            steps: Arc::new(Semaphore::new(steps)),
            spawned: Arc::default(),
        }
    }
}

impl Spawn for Place {
    fn spawn(&self, task: BoxFuture) {
        self.spawned.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(task);
    }

    fn step(&self) -> BoxFuture {
        let steps = self.steps.clone();
        Box::pin(async move { steps.acquire().await.unwrap().forget() })
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Received,
    Performed(Option<u64>, Action),
    Turned,
}

/// Records events in place of the log.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Event>>>);

impl Recorder {
    fn push(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    /// The steps that the task has taken. A step that feeds an input is none of an undisturbed election.
    fn steps(&self) -> Vec<Event> {
        let mut events = self.events();
        events.retain(|event| matches!(event, Event::Performed(..) | Event::Turned));
        events
    }
}

impl Journal for Recorder {
    fn received(&mut self, _: Readings, _: &Input) {
        self.push(Event::Received);
    }

    fn performed(&mut self, token: Option<u64>, action: &Action) {
        self.push(Event::Performed(token, action.clone()));
    }

    fn turned(&mut self, _: Moment, _: &Machine) {
        self.push(Event::Turned);
    }
}

/// A candidate that takes its steps in `place`, and its events.
fn simulated(store: &Memory, place: &Place, seed: u64) -> (Builder<Memory>, Recorder) {
    let clock = FakeClock::new();
    let runtime = Runtime {
        clock: clock.clone().into(),
        spawner: Spawner::new(place.clone()),
        random: Random::seeded(seed),
    };
    let recorder = Recorder::default();
    let journal = recorder.clone();
    let candidate = candidate(store.clone(), "a", &clock)
        .runtime(runtime)
        .journal(move || journal.clone());
    (candidate, recorder)
}

#[tokio::test]
async fn the_task_waits_before_each_step() {
    let place = Place::new(0);
    let (a, recorder) = simulated(&Memory::new(), &place, 1);
    let a = a.start().await.unwrap();
    let is_published = || matches!(*a.watch().borrow(), Status::Leader { .. });
    settle().await;
    assert_eq!(recorder.events(), [Event::Received]);
    let mut is_begun = false;
    while !a.is_leader() {
        let taken = recorder.steps().len();
        place.steps.add_permits(1);
        settle().await;
        let steps = recorder.steps();
        assert_eq!(steps.len(), taken + 1, "{steps:#?}");
        is_begun |= matches!(
            steps.last(),
            Some(Event::Performed(_, Action::Begin { .. }))
        );
    }
    assert!(is_begun, "a step before the gate opened");
    // Published by the last step of the turn.
    assert!(!is_published());
    place.steps.add_permits(1);
    settle().await;
    assert!(is_published());
}

#[tokio::test]
async fn a_journal_receives_what_the_log_would() {
    let (lines, _guard) = Lines::collect();
    let (a, recorder) = simulated(&Memory::new(), &Place::new(MANY), 1);
    let a = a.start().await.unwrap();
    let token = a.elected().await.unwrap().token().into();
    a.shutdown().await.unwrap();
    let events = recorder.events();
    let at = |wanted: &dyn Fn(&Action) -> bool| {
        let is_wanted = |event: &Event| match event {
            Event::Performed(of, action) => *of == Some(token) && wanted(action),
            _ => false,
        };
        events.iter().position(is_wanted)
    };
    let opened = at(&|action| *action == Action::Open).unwrap();
    let closed = at(&|action| *action == Action::Close).unwrap();
    let why = Ended::Released;
    let ended = at(&|action| *action == Action::End { why }).unwrap();
    assert!(opened < closed && closed < ended, "{events:#?}");
    assert_eq!(events.last(), Some(&Event::Turned));
    assert_eq!(lines.to_string(), "");
}

#[tokio::test]
async fn a_seed_decides_the_session() {
    let session = async |seed| {
        let store = Memory::new();
        let (a, _) = simulated(&store, &Place::new(MANY), seed);
        let a = a.start().await.unwrap();
        a.elected().await.unwrap();
        let record = store.get().value().unwrap().to_vec();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        record["session"].to_string()
    };
    assert_eq!(session(1).await, session(1).await);
    assert_ne!(session(1).await, session(2).await);
}

#[tokio::test]
async fn the_spawner_starts_every_task() {
    let place = Place::new(MANY);
    let (a, _) = simulated(&Memory::new(), &place, 1);
    let a = a.warm_up(|_| async { Ok::<_, io::Error>(()) });
    a.start().await.unwrap().elected().await.unwrap();
    // The election and the warm-up.
    assert_eq!(place.spawned.load(Ordering::SeqCst), 2);
}

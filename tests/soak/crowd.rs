//! The candidates, and their ways to the server.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_nats::Client;
use futures_util::{StreamExt, stream};
use noleader::{Builder, LeaderHandle, Status};
use noleader_fixture::{Proxy, Server, eventually};
use tokio::time::{sleep, timeout};

/// In each election.
const CANDIDATES: usize = 10;
/// A watch is a consumer, which the server keeps for 5 s after the watch has ended. nats-server 2.15 allows a
/// stream a thousand of them by default, so that one bucket would be too small for the churn.
const BUCKETS: usize = 5;
/// Few, as in a process that holds many elections.
const LINKS: usize = 5;

/// How long is waited for what must come, on any machine.
const BOUND: Duration = Duration::from_secs(180);
/// Between two attempts to start while the connection is broken.
const AGAIN: Duration = Duration::from_millis(50);

/// A connection that can be cut.
pub(crate) struct Link {
    pub(crate) proxy: Proxy,
    client: Client,
}

pub(crate) struct Crowd {
    pub(crate) links: Vec<Link>,
    /// Empty while one candidate is being replaced by the next.
    seats: Vec<Mutex<Option<LeaderHandle>>>,
}

impl Crowd {
    pub(crate) async fn gather(server: &Server, elections: usize) -> Self {
        let mut links = Vec::new();
        for _ in 0..LINKS {
            let proxy = Proxy::start(server.addr()).await.unwrap();
            let client = server.connect_options().connect(proxy.url()).await.unwrap();
            links.push(Link { proxy, client });
        }
        let seats = (0..elections * CANDIDATES).map(|_| Mutex::default());
        let seats = seats.collect();
        let crowd = Self { links, seats };
        let seating = (0..crowd.size()).map(|seat| crowd.sit(seat));
        let seating = stream::iter(seating).buffer_unordered(20);
        seating.collect::<Vec<()>>().await;
        crowd
    }

    /// How many candidates there are.
    pub(crate) fn size(&self) -> usize {
        self.seats.len()
    }

    /// A candidate, not yet started, of the seat's election, and the seat's connection.
    pub(crate) fn candidate(&self, seat: usize) -> (Builder, Client) {
        let election = seat / CANDIDATES;
        let bucket = format!("soak-{}", election % BUCKETS);
        let builder =
            LeaderHandle::builder(bucket, format!("election-{election}")).id(seat.to_string());
        (builder, self.links[seat % LINKS].client.clone())
    }

    /// Starts a candidate in an empty seat, however often its connection breaks meanwhile.
    pub(crate) async fn sit(&self, seat: usize) {
        let handle = timeout(BOUND, self.started(seat)).await;
        *self.seat(seat) = Some(handle.expect("a start in time"));
    }

    async fn started(&self, seat: usize) -> LeaderHandle {
        loop {
            let (candidate, client) = self.candidate(seat);
            if let Ok(handle) = candidate.start(client).await {
                return handle;
            }
            sleep(AGAIN).await;
        }
    }

    /// Takes the candidate out of its seat, if there is one.
    pub(crate) fn take(&self, seat: usize) -> Option<LeaderHandle> {
        self.seat(seat).take()
    }

    pub(crate) fn handle(&self, seat: usize) -> Option<LeaderHandle> {
        self.seat(seat).clone()
    }

    /// A seat at random.
    pub(crate) fn any(&self) -> usize {
        fastrand::usize(..self.size())
    }

    /// Whoever leads an election at random.
    pub(crate) fn any_leader(&self) -> Option<LeaderHandle> {
        let first = self.any() / CANDIDATES * CANDIDATES;
        let candidates = (first..first + CANDIDATES).filter_map(|seat| self.handle(seat));
        candidates.into_iter().find(LeaderHandle::is_leader)
    }

    /// Returns once each election has a leader that all its candidates know.
    pub(crate) async fn settled(&self) {
        for election in 0..self.size() / CANDIDATES {
            let what = format!("peace in election {election}");
            let peace = eventually(what, BOUND, async || {
                self.is_settled(election).then_some(())
            });
            peace.await.unwrap();
        }
    }

    fn is_settled(&self, election: usize) -> bool {
        let first = election * CANDIDATES;
        let mut leaders = 0;
        for seat in first..first + CANDIDATES {
            let status = self.handle(seat).map(|handle| handle.status());
            match status {
                Some(Status::Leader { .. }) => leaders += 1,
                Some(Status::Follower { leader: Some(_) }) => {}
                _ => return false,
            }
        }
        leaders == 1
    }

    fn seat(&self, seat: usize) -> std::sync::MutexGuard<'_, Option<LeaderHandle>> {
        self.seats[seat]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

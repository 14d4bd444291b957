//! The candidates, and their connections to the server.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_nats::Client;
use futures_util::{StreamExt, stream};
use noleader::{Builder, LeaderHandle, Status};
use noleader_fixture::{Proxy, Server, eventually};
use tokio::time::{sleep, timeout};

/// Candidates per election.
const CANDIDATES: usize = 10;
/// Each watch is a consumer, which the server keeps for 5 s after the watch has ended. nats-server 2.15 allows
/// 1000 consumers per stream by default, so one bucket would be too small for the churn.
const BUCKETS: usize = 5;
/// Few connections, as in a process with many elections.
const LINKS: usize = 5;

/// The longest wait for an expected event, on any machine.
const BOUND: Duration = Duration::from_secs(180);
/// The pause between two attempts to start while the connection is broken.
const AGAIN: Duration = Duration::from_millis(50);

/// A connection through a proxy that can break it.
pub(crate) struct Link {
    pub(crate) proxy: Proxy,
    client: Client,
}

pub(crate) struct Crowd {
    pub(crate) links: Vec<Link>,
    /// A seat is empty while its candidate is being replaced.
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

    /// The number of candidates.
    pub(crate) fn size(&self) -> usize {
        self.seats.len()
    }

    /// The builder of a candidate for the seat's election, and the seat's connection.
    pub(crate) fn candidate(&self, seat: usize) -> (Builder, Client) {
        let election = seat / CANDIDATES;
        let bucket = format!("soak-{}", election % BUCKETS);
        let builder =
            LeaderHandle::builder(bucket, format!("election-{election}")).id(seat.to_string());
        (builder, self.links[seat % LINKS].client.clone())
    }

    /// Starts a candidate in an empty seat, and retries while its connection is broken.
    pub(crate) async fn sit(&self, seat: usize) {
        let handle = timeout(BOUND, self.started(seat)).await;
        *self.seat(seat) = Some(handle.expect("a start within the bound"));
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

    /// Removes the candidate from its seat, if there is one.
    pub(crate) fn take(&self, seat: usize) -> Option<LeaderHandle> {
        self.seat(seat).take()
    }

    pub(crate) fn handle(&self, seat: usize) -> Option<LeaderHandle> {
        self.seat(seat).clone()
    }

    /// A random seat.
    pub(crate) fn any(&self) -> usize {
        fastrand::usize(..self.size())
    }

    /// The leader of a random election, if it has one.
    pub(crate) fn any_leader(&self) -> Option<LeaderHandle> {
        let first = self.any() / CANDIDATES * CANDIDATES;
        let candidates = (first..first + CANDIDATES).filter_map(|seat| self.handle(seat));
        candidates.into_iter().find(LeaderHandle::is_leader)
    }

    /// Waits until each election has a leader that all its candidates know.
    pub(crate) async fn settled(&self) {
        for election in 0..self.size() / CANDIDATES {
            let what = format!("election {election} to settle");
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

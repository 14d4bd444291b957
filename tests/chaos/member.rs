//! The library's handle in a candidate.

use std::{collections::BTreeSet, time::Duration};

use async_nats::Client;
use axum::{Router, extract::Request};
use noleader::{LeaderHandle, LeaderOnlyLayer, ReleaseError, Shards, ShardsStatus, Status};
use tokio::sync::watch;

use crate::{
    candidate::{BUCKET, DRAIN_TIMEOUT, KEY, LEASE, Role},
    kind::{Kind, Risk},
    log::TermId,
};

#[derive(Clone, Debug)]
pub(crate) enum Member {
    Election(LeaderHandle, watch::Receiver<Status>),
    Shards(Shards, watch::Receiver<ShardsStatus>),
}

impl Member {
    /// `None` if no server responds.
    pub(crate) async fn start(role: &Role, client: Client) -> Option<Self> {
        let (id, address) = (role.id.clone(), format!("http://{}", role.listen));
        match role.kind {
            Kind::Election(risk) => {
                let builder = LeaderHandle::builder(BUCKET, KEY).id(id).address(address);
                let builder = builder.lease(LEASE).drain_timeout(DRAIN_TIMEOUT);
                let trusts = matches!(risk, Risk::TrustAbsentKey);
                let builder = builder.dangerous_trust_absent_key(trusts).replicas(3);
                let leader = builder.start(client).await.ok()?;
                let status = leader.watch();
                Some(Self::Election(leader, status))
            }
            Kind::Shards => {
                let builder = Shards::builder(BUCKET, role.kind.shards().get());
                let builder = builder.id(id).address(address).lease(LEASE);
                let builder = builder.drain_timeout(DRAIN_TIMEOUT).replicas(3);
                let shards = builder.start(client).await.ok()?;
                let status = shards.watch();
                Some(Self::Shards(shards, status))
            }
        }
    }

    /// Puts the routes behind the gate.
    pub(crate) fn guard<S>(&self, router: Router<S>) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        match self {
            Self::Election(leader, _) => router.layer(LeaderOnlyLayer::new(leader.clone())),
            Self::Shards(shards, _) => router.layer(LeaderOnlyLayer::sharded(shards.clone(), key)),
        }
    }

    /// The time between two reads of the gates while the status does not change.
    pub(crate) fn pace(&self) -> Duration {
        match self {
            Self::Election(..) => Duration::from_millis(20),
            // Each read logs a line per shard.
            Self::Shards(..) => Duration::from_millis(100),
        }
    }

    /// The terms whose gates are open.
    pub(crate) fn open(&self) -> Vec<TermId> {
        match self {
            Self::Election(leader, _) => {
                let token = leader.term().map(|term| term.token().into());
                let term = token.map(|token| TermId { shard: 0, token });
                term.into_iter().collect()
            }
            Self::Shards(shards, _) => {
                let owned = shards.owned().into_iter();
                let term = owned.map(|shard| TermId {
                    shard: shard.index(),
                    token: shard.token().into(),
                });
                term.collect()
            }
        }
    }

    /// The terms of `closing`, which was read before, that are shown to have closed gates.
    pub(crate) fn closed(&mut self, closing: &BTreeSet<TermId>) -> BTreeSet<TermId> {
        match self {
            // Whether this term drains, or a later one, or the candidate stops while it campaigns: a draining status shows
            // that the gate of this term has closed.
            Self::Election(_, status) => match *status.borrow_and_update() {
                Status::Draining => closing.clone(),
                _ => BTreeSet::new(),
            },
            // A gate never opens again under the same token.
            Self::Shards(_, status) => {
                status.mark_unchanged();
                closing - &self.open().into_iter().collect()
            }
        }
    }

    pub(crate) fn has_stopped(&self) -> bool {
        match self {
            Self::Election(_, status) => *status.borrow() == Status::Stopped,
            Self::Shards(_, status) => *status.borrow() == ShardsStatus::Stopped,
        }
    }

    /// Waits for the next status.
    pub(crate) async fn changed(&mut self) {
        // Fails once the member has stopped.
        let _ = match self {
            Self::Election(_, status) => status.changed().await,
            Self::Shards(_, status) => status.changed().await,
        };
    }

    pub(crate) async fn shutdown(&self) -> Result<(), ReleaseError> {
        match self {
            Self::Election(leader, _) => leader.shutdown().await,
            Self::Shards(shards, _) => shards.shutdown().await,
        }
    }
}

/// The key of a request.
fn key(request: &Request) -> Option<String> {
    let query = request.uri().query()?;
    let key = query
        .split('&')
        .find_map(|field| field.strip_prefix("key="));
    key.map(str::to_owned)
}

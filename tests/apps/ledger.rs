//! Counts how often each request was seen.

use std::collections::BTreeMap;

use ::http::HeaderMap;
use tokio::sync::watch;

use crate::cluster::soon;

/// The header, or gRPC metadata, that carries the id of a request.
pub(crate) const ID: &str = "x-id";

type Counts = BTreeMap<String, u32>;

/// The number of times that each id was seen. Clones share one ledger.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(watch::Sender<Counts>);

impl Default for Ledger {
    fn default() -> Self {
        Self(watch::Sender::new(Counts::new()))
    }
}

impl Ledger {
    pub(crate) fn record(&self, headers: &HeaderMap) {
        let id = headers[ID].to_str().unwrap().to_owned();
        self.0.send_modify(|counts| {
            *counts.entry(id).or_default() += 1;
        });
    }

    /// How often the id was seen.
    pub(crate) fn times(&self, id: &str) -> u32 {
        self.0.borrow().get(id).copied().unwrap_or(0)
    }

    /// The number of different ids.
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Waits until all of these ids were seen.
    pub(crate) async fn until_all(&self, ids: &[String]) {
        self.until(|counts| ids.iter().all(|id| counts.contains_key(id)))
            .await;
    }

    /// Waits until at least `len` different ids were seen.
    pub(crate) async fn until_len(&self, len: usize) {
        self.until(|counts| counts.len() >= len).await;
    }

    async fn until(&self, mut wanted: impl FnMut(&Counts) -> bool) {
        let mut changes = self.0.subscribe();
        soon(changes.wait_for(|counts| wanted(counts)))
            .await
            .unwrap();
    }
}

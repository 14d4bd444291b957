use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

use super::error::RunError;
use crate::task::{LeaderHandle, StopReason};

/// The state that the clones of a `Leader` share.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// Whether a clone campaigns, or is about to.
    claimed: AtomicBool,
    pub(super) campaign: watch::Sender<Progress>,
}

/// The current campaign, and the number of earlier ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// The handle of the current campaign.
    pub(super) handle: Option<LeaderHandle>,
    /// The number of campaigns that ended, including those that never had a handle.
    pub(super) ended: u64,
}

/// The exclusive right to campaign among the clones.
pub(super) struct Claim(Arc<Running>);

impl Claim {
    pub(super) fn new(running: &Arc<Running>) -> Result<Self, RunError> {
        if running.claimed.swap(true, Ordering::AcqRel) {
            return Err(RunError::AlreadyRunning);
        }
        Ok(Self(running.clone()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.campaign.send_modify(|progress| {
            progress.handle = None;
            progress.ended += 1;
            // Under the channel's lock, so that the next campaign publishes its handle after this, and a receiver that
            // observes the end can begin a campaign.
            self.0.claimed.store(false, Ordering::Release);
        });
    }
}

/// A running campaign. Dropping it shuts the candidate down, even if other clones of the handle exist.
pub(super) struct Campaign {
    pub(super) handle: LeaderHandle,
    _claim: Claim,
}

impl Campaign {
    pub(super) fn new(claim: Claim, handle: LeaderHandle) -> Self {
        let published = Some(handle.clone());
        claim
            .0
            .campaign
            .send_modify(|progress| progress.handle = published);
        Self {
            handle,
            _claim: claim,
        }
    }

    /// Shuts the candidate down, or returns the result of an earlier shutdown.
    pub(super) async fn shutdown(self) -> Result<(), RunError> {
        let released = self.handle.shutdown().await;
        match self.handle.stopped() {
            Some(stopped) if stopped.reason() != StopReason::Shutdown => Err(stopped.into()),
            _ => Ok(released?),
        }
    }
}

impl Drop for Campaign {
    fn drop(&mut self) {
        self.handle.begin_shutdown();
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;
    use crate::{lease::Status, store::Memory};

    async fn campaign(running: &Arc<Running>, store: &Memory) -> Result<Campaign, RunError> {
        let claim = Claim::new(running)?;
        let builder = LeaderHandle::with_store(store.clone()).dangerous_trust_absent_key(true);
        Ok(Campaign::new(claim, builder.start().await?))
    }

    #[tokio::test]
    async fn dropping_a_campaign_releases_the_lease() {
        let (running, store) = (Arc::default(), Memory::new());
        let campaign = campaign(&running, &store).await.unwrap();
        let handle = campaign.handle.clone();
        handle.elected().await.unwrap();
        drop(campaign);
        let mut status = handle.watch();
        status.wait_for(|s| *s == Status::Stopped).await.unwrap();
        let record = String::from_utf8(store.get().value().unwrap().to_vec()).unwrap();
        assert!(record.contains(r#""holder":null"#), "{record}");
    }

    #[test]
    fn shutdown_reports_a_task_that_died() {
        let (running, store) = (Arc::default(), Memory::new());
        let runtime = || tokio::runtime::Builder::new_current_thread().build();
        let first = runtime().unwrap();
        let campaign = first.block_on(campaign(&running, &store)).unwrap();
        drop(first);
        let ended = runtime().unwrap().block_on(campaign.shutdown());
        assert!(matches!(ended, Err(RunError::Stopped(_))), "{ended:?}");
    }

    #[tokio::test]
    async fn only_one_campaign_runs_at_a_time() {
        let (running, store) = (Arc::default(), Memory::new());
        let first = campaign(&running, &store).await.unwrap();
        assert!(matches!(
            Claim::new(&running),
            Err(RunError::AlreadyRunning)
        ));
        first.shutdown().await.unwrap();
        assert!(running.campaign.borrow().handle.is_none());
        assert_eq!(running.campaign.borrow().ended, 1);
        let second = campaign(&running, &store).await.unwrap();
        assert!(running.campaign.borrow().handle.is_some());
        second.shutdown().await.unwrap();
        assert_eq!(running.campaign.borrow().ended, 2);
    }
}

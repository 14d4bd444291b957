use std::{future, mem};

use tokio::sync::watch;

use crate::shards::protocol::{Input, Want};

/// Which shards a simulation wants this node to have, in place of the placement.
pub(super) struct Wants {
    advice: Option<watch::Receiver<Vec<Want>>>,
    /// What the protocol was told.
    told: Vec<Want>,
}

impl Wants {
    pub(super) fn new(advice: Option<watch::Receiver<Vec<Want>>>) -> Self {
        Self {
            advice,
            told: Vec::new(),
        }
    }

    /// Whether there is advice in place of the placement's.
    pub(super) fn is_set(&self) -> bool {
        self.advice.is_some()
    }

    /// The advice that the protocol was not told yet.
    pub(super) fn news(&mut self) -> Vec<Input> {
        let wants = match &mut self.advice {
            Some(advice) => advice.borrow_and_update().clone(),
            None => return Vec::new(),
        };
        self.told.resize(wants.len(), Want::default());
        let told = self.told.iter_mut().zip(wants);
        let news = (0..).zip(told).filter_map(|(shard, (told, want))| {
            let is_new = mem::replace(told, want.clone()) != want;
            is_new.then_some(Input::Wanted { shard, want })
        });
        news.collect()
    }

    /// Resolves when there are news. Cancel safe.
    pub(super) async fn changed(&mut self) {
        let changed = match &mut self.advice {
            Some(advice) => advice.changed().await.is_ok(),
            None => false,
        };
        if !changed {
            future::pending::<()>().await;
        }
    }
}

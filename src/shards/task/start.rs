use std::{
    collections::{BTreeSet, VecDeque},
    num::NonZeroU32,
    sync::Arc,
};

use tokio::sync::{mpsc, watch};

use super::{
    configure::configure,
    driver::{Driver, Shutdown},
    journal::Journal,
    log::Log,
    placing::Placing,
    preparation::Preparation,
    publishing::Publishing,
    requests::Requests,
    terms::Terms,
    wants::Wants,
    watches::Watches,
};
use crate::{
    error::survive,
    runtime::Runtime,
    shards::{
        handle::Shards,
        placement::PlacementSettings,
        protocol::{Machine, Node, Want},
        shard::Shard,
        shared::Shared,
    },
    store::{ShardStore, StoreError},
    task::{Attempt, InSpan, Journals, Preparing, WarmUp, within},
};

/// A node with valid settings.
pub(crate) struct Start<S> {
    pub(crate) store: Arc<S>,
    pub(crate) node: Node,
    pub(crate) warm_up: Option<WarmUp<Shard>>,
    pub(crate) runtime: Runtime,
    pub(crate) journals: Journals<dyn Journal>,
    /// What a simulation wants, in place of the placement.
    pub(crate) wants: Option<watch::Receiver<Vec<Want>>>,
    pub(crate) placement: PlacementSettings,
}

impl<S: ShardStore> Start<S> {
    /// Prepares the store, and starts the task. If the store's error is transient, the task prepares it.
    pub(crate) async fn start(self) -> Result<Shards, StoreError> {
        let mut preparing = self.prepare()();
        let name = self.store.name();
        let waits = preparing.started(&self.runtime.clock, &name).await?;
        let span = survive(|| {
            tracing::info_span!("shards", bucket = name.bucket(), id = self.node.id.as_str(),)
        });
        let spawner = self.runtime.spawner.clone();
        let (mut driver, handle) = self.into_parts();
        if let Some(error) = waits {
            within(span.as_ref(), || {
                driver.tell(|journal| journal.waits(&error));
            });
            driver.preparation.go_on(preparing);
        }
        spawner.spawn(InSpan::new(span, driver.run()));
        Ok(handle)
    }

    /// Creates preparations of the store.
    fn prepare(&self) -> impl Fn() -> Preparing + Send + 'static {
        let (store, runtime, node) = (self.store.clone(), self.runtime.clone(), self.node.clone());
        move || Preparing::new(attempt(&store, &node), &runtime, &node.timing)
    }

    fn into_parts(self) -> (Driver<S>, Shards) {
        let prepare = self.prepare();
        let Self {
            store,
            node,
            warm_up,
            runtime,
            journals,
            wants,
            placement,
        } = self;
        let wants = Wants::new(wants);
        let (shared, publisher) = Shared::new(
            store.name(),
            (node.id.clone(), node.address.clone()),
            NonZeroU32::new(node.shards).unwrap_or(NonZeroU32::MIN),
            runtime.clone(),
            node.timing.clone(),
        );
        let journal = journals.create(|| Box::new(Log::new(&store.name(), &node)));
        let (sender, commands) = mpsc::unbounded_channel::<Shutdown>();
        let driver = Driver {
            placing: Placing::new(node.id.clone(), placement),
            machine: Machine::new(node, runtime.random.seed()),
            shared: shared.clone(),
            publishing: Publishing::new(publisher),
            commands,
            requests: Requests::new(store.clone(), runtime.clock.clone()),
            watches: Watches::new(store),
            has_answered: false,
            wants,
            terms: Terms::default(),
            warm_up,
            journal,
            preparation: Preparation::new(prepare),
            session: None,
            draining: BTreeSet::new(),
            follow: VecDeque::new(),
            waiting: Vec::new(),
            is_leaving: false,
            closed: false,
            settled: None,
        };
        (driver, Shards::new(shared, sender))
    }
}

/// Creates attempts to prepare the store.
fn attempt<S: ShardStore>(store: &Arc<S>, node: &Node) -> impl Fn() -> Attempt + Send + 'static {
    let (store, lease, config) = (store.clone(), node.timing.lease, node.config());
    move || {
        let (store, config) = (store.clone(), config.clone());
        Box::pin(async move {
            store.prepare(lease).await?;
            configure(&*store, &config).await
        })
    }
}

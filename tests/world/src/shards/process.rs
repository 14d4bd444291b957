//! Starts and ends processes, with the public builder.

use noleader::{BoxError, Shard, Shards, ShardsBuilder};

use super::{
    fact::Fact,
    journal::Checker,
    node::Process,
    settings::Placement,
    store::Store,
    world::{Order, World},
};
use crate::{
    host::{Host, Shared},
    journal::nanos,
};

/// Starts the process `session` on a node.
pub(super) fn start(shared: &Shared<World>, node: usize, session: u64) {
    let host = Host::new(shared.clone(), node, session);
    if let Some(builder) = host.with(|world| world.builder(&host)) {
        host.task("start", start_handle(host.clone(), builder));
    }
}

async fn start_handle(host: Host<World>, builder: ShardsBuilder<Store>) {
    match builder.start().await {
        Ok(handle) => {
            host.with(|world| world.nodes[host.node].process.handle = Some(handle));
        }
        Err(error) => {
            host.with(|world| world.refuse_start(host.node, &format!("{error:?}")));
        }
    }
}

/// Shuts the process on a node down.
pub(super) fn shut_down(shared: &Shared<World>, node: usize) {
    let mut world = shared.lock();
    let process = &mut world.nodes[node].process;
    process.is_leaving = true;
    let (handle, session) = (process.handle.clone(), process.session);
    let must_leave = world.is_calm;
    drop(world);
    let host = Host::new(shared.clone(), node, session);
    let Some(handle) = handle else {
        // It is still starting.
        host.with(|world| world.orders.push(Order::Die { node }));
        return;
    };
    let leaving = host.clone();
    host.task("shutdown", async move {
        let left = handle.shutdown().await;
        drop(handle);
        leaving.with(|world| {
            if let Err(error) = left.as_ref()
                && must_leave
            {
                world.violate("liveness", format!("node {node} could not leave: {error}"));
            }
        });
    });
}

impl World {
    fn builder(&mut self, host: &Host<World>) -> ShardsBuilder<Store> {
        let node = host.node;
        let time = self.settings.time();
        let checker = host.clone();
        let mut builder = Shards::with_store(Store(host.clone()), self.settings.shards)
            .id(self.nodes[node].id.as_str())
            .address(format!("http://node-{node}"))
            .lease(time.lease)
            .max_clock_drift(time.max_clock_drift)
            .drain_timeout(time.drain_timeout)
            .max_requests(self.choices.usize(1..=8))
            .journal(move || Checker(checker.clone()));
        builder = match self.settings.placement {
            Placement::Table => builder.wants(self.first_advice(node)),
            Placement::Library {
                start_wait,
                moves_at_once,
            } => {
                let weight = self.choices.pick([1, 1, 1, 2, 5, 1_000]);
                self.nodes[node].process.weight = weight;
                builder.weight(weight).placement(start_wait, moves_at_once)
            }
        };
        if self.choices.one_in(3) {
            let host = host.clone();
            builder = builder.warm_up(move |shard| warm_up(host.clone(), shard));
        }
        let seed = self.choices.seed();
        builder.runtime(host.runtime(self.nodes[node].shown.clone(), seed))
    }

    /// Puts a new process on the node, and returns its number.
    pub(super) fn begin_process(&mut self, node: usize) -> u64 {
        let session = self.number();
        let n = &mut self.nodes[node];
        n.process = Process {
            session,
            ..Process::default()
        };
        n.stalled_until = 0;
        n.sync(self.now);
        self.say(node, || format!("starts as process {session}"));
        self.fact(node, &Fact::Started);
        session
    }

    /// Ends the process at this instant. The caller drops the result outside of the lock, because its code may reach
    /// the world.
    pub(super) fn end_process(&mut self, node: usize) -> Process {
        if self.nodes[node].process.session != 0 {
            self.say(node, || "dies".to_owned());
            self.fact(node, &Fact::Ended);
        }
        std::mem::take(&mut self.nodes[node].process)
    }

    /// A node does not start with another configuration than that in the bucket.
    fn refuse_start(&mut self, node: usize, error: &str) {
        if !self.settings.plan.has_removals() {
            self.violate("liveness", format!("node {node} could not start: {error}"));
        }
        self.nodes[node].process.has_died = true;
        // What it read is from before.
        if self.is_calm {
            self.orders.push(Order::Start { node });
        }
    }

    pub(super) fn start_if_down(&mut self, node: usize) {
        if !self.is_calm && !self.nodes[node].is_up() {
            self.orders.push(Order::Start { node });
        }
    }

    /// Counts a request or a warm-up of a term that begins or ends.
    pub(super) fn count_inside(&mut self, node: usize, term: (u32, u64), is_in: bool) {
        let inside = self.nodes[node].process.inside.entry(term).or_default();
        *inside = match is_in {
            true => *inside + 1,
            false => *inside - 1,
        };
    }
}

/// A warm-up or an admitted request, until it ends.
pub(super) struct Inside {
    host: Host<World>,
    term: (u32, u64),
}

impl Inside {
    pub(super) fn begin(host: &Host<World>, term: (u32, u64)) -> Self {
        host.with(|world| world.count_inside(host.node, term, true));
        Self {
            host: host.clone(),
            term,
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let Host { node, .. } = self.host;
        self.host
            .with(|world| world.count_inside(node, self.term, false));
    }
}

/// Some fail, and some take longer than the lease.
async fn warm_up(host: Host<World>, shard: Shard) -> Result<(), BoxError> {
    let inside = Inside::begin(&host, (shard.index(), shard.token().into()));
    let lease = nanos(shard.remaining());
    let plan = host.with(|world| match world.is_calm {
        true => (true, world.choices.u64(0..=lease / 8)),
        false => (!world.choices.one_in(5), world.choices.u64(0..=lease)),
    });
    let (succeeds, span) = plan.unwrap_or_default();
    host.sleep(span).await;
    drop(inside);
    match succeeds {
        true => Ok(()),
        false => Err("the warm-up failed".into()),
    }
}

impl World {
    /// A node whose process runs, chosen at random.
    pub(super) fn any_up(&mut self) -> Option<usize> {
        let up = (0..self.nodes.len()).filter(|node| self.nodes[*node].is_up());
        let up: Vec<usize> = up.collect();
        (!up.is_empty()).then(|| up[self.choices.usize(0..up.len())])
    }
}

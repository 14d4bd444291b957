//! Starts and ends processes, with the public builder.

use noleader::{BoxError, Builder, Leader, LeaderHandle, Term};

use crate::{
    fact::Fact,
    host::{Host, Shared, yield_now},
    journal::{Checker, nanos},
    node::{Face, Process},
    store::Store,
    work,
    world::World,
};

/// Starts the process `session` on a node. One in four runs a work loop.
pub(crate) fn start(shared: &Shared, node: usize, session: u64) {
    let host = Host::new(shared.clone(), node, session);
    let Some((builder, loops)) = host.with(|world| {
        let loops = !world.nodes[node].settings.observer && world.choices.one_in(4);
        (world.builder(&host), loops)
    }) else {
        return;
    };
    match loops {
        true => work::start(&host, Leader::with_builder(builder)),
        false => host.task("start", start_handle(host.clone(), builder)),
    }
}

async fn start_handle(host: Host, builder: Builder<Store>) {
    match builder.start().await {
        Ok(handle) => {
            host.with(|world| world.nodes[host.node].process.face = Face::of(handle));
        }
        Err(error) => {
            host.with(|world| world.violate("start", format!("{error:?}")));
        }
    }
}

impl Face {
    fn of(handle: LeaderHandle) -> Self {
        Self {
            status: Some(handle.watch()),
            handle: Some(handle),
            leader: None,
        }
    }
}

impl World {
    fn builder(&mut self, host: &Host) -> Builder<Store> {
        let candidate = &self.nodes[host.node].settings;
        let timing = &candidate.timing;
        let journal = host.clone();
        let mut builder = LeaderHandle::with_store(Store::new(host.clone()))
            .id(candidate.id.as_str())
            .lease(timing.lease)
            .renew_every(timing.renew_every)
            .max_clock_drift(self.settings.drift())
            .drain_timeout(timing.drain_timeout)
            .campaign_delay(timing.campaign_delay)
            .dangerous_trust_absent_key(candidate.trust_absent_key)
            .lossy_store(candidate.lossy_store)
            .journal(move || Checker(journal.clone()));
        if let Some(address) = &candidate.address {
            builder = builder.address(address.as_str());
        }
        if candidate.observer {
            builder = builder.observe();
        }
        if candidate.warm_up {
            let host = host.clone();
            builder = builder.warm_up(move |term| warm_up(host.clone(), term));
        }
        let seed = self.choices.seed();
        builder.runtime(host.runtime(self.nodes[host.node].shown.clone(), seed))
    }

    /// Puts a new process on the node, and returns its session.
    pub(crate) fn begin_process(&mut self, node: usize) -> u64 {
        let session = self.number();
        let n = &mut self.nodes[node];
        n.process = Process {
            session,
            ..Process::default()
        };
        n.is_leaving = false;
        n.stalled_until = 0;
        n.cool_until = noleader::clock::Moment::default();
        n.sync(self.now);
        let settings = self.nodes[node].settings.clone();
        self.say(node, || {
            let lease = settings.timing.lease;
            format!("starts with a lease of {lease:?} as session {session}")
        });
        self.fact(
            node,
            &Fact::Started {
                settings: &settings,
            },
        );
        session
    }

    /// Ends the process at this instant. The caller drops the result outside of the lock, because its code may reach
    /// the world.
    pub(crate) fn end_process(&mut self, node: usize) -> Process {
        if self.nodes[node].process.session != 0 {
            self.say(node, || "dies".to_owned());
            self.fact(node, &Fact::Shut);
        }
        std::mem::take(&mut self.nodes[node].process)
    }
}

/// Some fail, some take longer than the lease, and some block their thread, so that they end late once cancelled.
async fn warm_up(host: Host, term: Term) -> Result<(), BoxError> {
    let Some(_inside) = WarmingUp::begin(&host) else {
        return Ok(());
    };
    let lease = nanos(term.remaining());
    let plan = host.with(|world| {
        let longest = match world.is_calm {
            true => lease / 4,
            false => lease * 2,
        };
        let succeeds = world.is_calm || !world.choices.one_in(5);
        let blocks = !world.is_calm && world.choices.one_in(3);
        (succeeds, blocks, world.choices.u64(0..=longest))
    });
    let (succeeds, blocks, span) = plan.unwrap_or_default();
    if blocks {
        host.with(|world| world.block_task(span));
        yield_now().await;
    } else {
        let calm = host.with(|world| world.calm_token.clone());
        let sleep = host.sleep(span);
        calm.unwrap_or_default().run_until_cancelled(sleep).await;
    }
    let is_calm = host.with(|world| world.is_calm) == Some(true);
    match succeeds || is_calm {
        true => Ok(()),
        false => Err("the warm-up failed".into()),
    }
}

/// A warm-up that has not ended.
struct WarmingUp(Host);

impl WarmingUp {
    fn begin(host: &Host) -> Option<Self> {
        host.with(|world| {
            world.nodes[host.node].process.warm_ups += 1;
            world.fact(host.node, &Fact::WarmUpBegan);
        })?;
        Some(Self(host.clone()))
    }
}

impl Drop for WarmingUp {
    fn drop(&mut self) {
        self.0.with(|world| {
            world.nodes[self.0.node].process.warm_ups -= 1;
            world.fact(self.0.node, &Fact::WarmUpEnded);
        });
    }
}

//! Work loops: a `Leader` that runs a closure while its node leads.

use std::time::Duration;

use futures_util::future;
use noleader::{Leader, Term};
use tokio_util::sync::CancellationToken;

use crate::{app::Inside, fact::Fact, host::Host, world::World};

#[derive(Debug)]
struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the work failed")
    }
}

impl std::error::Error for Failed {}

/// How the closure behaves in one term.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    /// The number of its steps, and how long each takes, in nanoseconds.
    steps: u64,
    step: u64,
    fails: bool,
    /// It goes on after the signal to finish, and is dropped in the end.
    ignores_signal: bool,
}

impl World {
    fn plan_work(&mut self, node: usize) -> Plan {
        let lease = self.lease(node);
        Plan {
            steps: self.choices.u64(1..=20),
            step: self.choices.u64(0..=lease / 4),
            fails: !self.is_calm && self.choices.one_in(10),
            ignores_signal: self.choices.one_in(4),
        }
    }
}

/// Starts the loop in one of its three forms.
pub(crate) fn start(host: &Host, leader: Leader) {
    let grace = host.with(|world| {
        let lease = world.lease(host.node);
        Duration::from_nanos(world.choices.u64(0..=lease))
    });
    let leader = leader.grace_period(grace.unwrap_or_default());
    let form = host.with(|world| {
        world.nodes[host.node].process.face.leader = Some(leader.clone());
        world.choices.below(3)
    });
    let (work, token_work) = (host.clone(), host.clone());
    match form {
        Some(0) => host.task("Leader::run", {
            async move { drop(leader.run(|term| run(work.clone(), term)).await) }
        }),
        Some(1) => host.task("Leader::acquire_and_run", async move {
            let run = |token| run_with_token(token_work.clone(), token);
            drop(leader.acquire_and_run(run).await);
        }),
        _ => {
            host.task("Leader::start", async move {
                let run = |token| run_with_token(token_work.clone(), token);
                let campaign = leader.start(CancellationToken::new());
                drop(future::join(leader.do_while_leader(run), campaign).await);
            });
        }
    }
}

async fn run(host: Host, term: Term) -> Result<(), Failed> {
    let _working = Working::begin(&host);
    let plan = host.with(|world| world.plan_work(host.node));
    let plan = plan.unwrap_or_default();
    let closing = term.closing();
    for _ in 0..plan.steps {
        host.sleep(plan.step).await;
        // In a process that was paused, the signal comes before the work goes on.
        if !term.is_current() && !closing.is_cancelled() {
            host.with(|world| {
                let what = "work goes on after its term without a signal".to_owned();
                world.violate("work", what);
            });
        }
        if closing.is_cancelled() && !plan.ignores_signal {
            return Ok(());
        }
        host.with(|world| world.send_to_storage(host.node, term.token().into()));
    }
    end(&host, plan)
}

async fn run_with_token(host: Host, token: CancellationToken) -> Result<(), Failed> {
    let _working = Working::begin(&host);
    let plan = host.with(|world| world.plan_work(host.node));
    let plan = plan.unwrap_or_default();
    for _ in 0..plan.steps {
        let step = host.sleep(plan.step);
        if plan.ignores_signal {
            step.await;
        } else if token.run_until_cancelled(step).await.is_none() {
            return Ok(());
        }
    }
    end(&host, plan)
}

fn end(host: &Host, plan: Plan) -> Result<(), Failed> {
    let fails = host.with(|world| {
        let fails = plan.fails && !world.is_calm && world.may_die(host.node);
        world.nodes[host.node].is_leaving |= fails;
        fails
    });
    match fails {
        Some(true) => Err(Failed),
        _ => Ok(()),
    }
}

/// A run of the closure, which is admitted work.
struct Working {
    host: Host,
    _inside: Inside,
}

impl Working {
    fn begin(host: &Host) -> Self {
        host.fact(&Fact::WorkBegan);
        Self {
            _inside: Inside::enter(host),
            host: host.clone(),
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.host.fact(&Fact::WorkEnded);
    }
}

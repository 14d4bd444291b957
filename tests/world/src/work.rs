//! Work loops: a `Leader` that runs a closure while its node leads.

use std::{pin::pin, time::Duration};

use futures_util::future::{self, Either};
use noleader::{Leader, RunError, Term};
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
    /// It ignores the signal to finish, and is dropped after the grace period.
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
    let (work, looping) = (host.clone(), Looping(host.clone()));
    match form {
        Some(0) => host.fragile("Leader::run", async move {
            let _looping = looping;
            let ended = leader.run(|term| run(work.clone(), term)).await;
            check_end(&work, &ended);
        }),
        Some(1) => host.fragile("Leader::acquire_and_run", async move {
            let _looping = looping;
            let run = |token| run_with_token(work.clone(), token);
            let ended = leader.acquire_and_run(run).await;
            check_end(&work, &ended);
        }),
        _ => host.fragile("Leader::start", async move {
            let _looping = looping;
            let run = |token| run_with_token(work.clone(), token);
            let (working, campaign) = (leader.do_while_leader(run), campaign(&work, &leader));
            let (worked, campaigned) = future::join(working, campaign).await;
            check_end(&work, &worked);
            check_end(&work, &campaigned);
        }),
    }
}

/// A loop that has not returned, and was not dropped.
struct Looping(Host);

impl Drop for Looping {
    /// Dropping the loop shuts its election down as well.
    fn drop(&mut self) {
        self.0.with(|world| {
            let node = &mut world.nodes[self.0.node];
            node.is_leaving = true;
            node.process.has_ended = true;
        });
    }
}

/// Campaigns, in one of four cases only until a time limit.
async fn campaign(host: &Host, leader: &Leader) -> Result<(), RunError> {
    let token = CancellationToken::new();
    let limit = host.with(|world| {
        let lease = world.lease(host.node);
        world
            .choices
            .one_in(4)
            .then(|| world.choices.u64(0..=4 * lease))
    });
    let Some(Some(limit)) = limit else {
        return leader.start(token).await;
    };
    let mut campaign = pin!(leader.start(token.clone()));
    match future::select(campaign.as_mut(), pin!(host.sleep(limit))).await {
        Either::Left((ended, _)) => return ended,
        Either::Right(_) => {}
    }
    let ends = host.with(|world| {
        let ends = !world.is_calm && world.may_die(host.node);
        world.nodes[host.node].is_leaving |= ends;
        ends
    });
    if ends == Some(true) {
        token.cancel();
    }
    campaign.await
}

/// A loop ends without an error once its election is shut down, or with the error that its documentation names.
fn check_end(host: &Host, ended: &Result<(), RunError>) {
    host.with(|world| {
        let process = &world.nodes[host.node].process;
        let is_right = match ended {
            Ok(()) | Err(RunError::Work(_) | RunError::Release(_)) => true,
            Err(RunError::Stopped(_)) => process.has_died,
            Err(_) => false,
        };
        if !is_right {
            world.violate("work", format!("a work loop ends with {ended:?}"));
        }
    });
}

async fn run(host: Host, term: Term) -> Result<(), Failed> {
    let _working = Working::begin(&host);
    let plan = host.with(|world| world.plan_work(host.node));
    let plan = plan.unwrap_or_default();
    let closing = term.closing();
    for _ in 0..plan.steps {
        host.sleep(plan.step).await;
        host.check_own_signal(&term, &closing);
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

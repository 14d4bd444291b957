//! The same faults for noleader 0.1.2 and for the crate in this repository.
//!
//! ```sh
//! cargo run --release --manifest-path tests/earlier/Cargo.toml -- --rounds 3
//! ```
//!
//! With `mixed`, candidates of both versions share one election, or replace each other across two.
//!
//! Each round is a separate election: a real nats-server, candidates that are processes of this program, and one
//! fault of the leader, which lasts longer than its lease and until another candidate leads. Every candidate logs
//! its own flag; the logs show how long two candidates led. `README.md` has the figures.

mod candidate;
mod claims;
mod clock;
mod fault;
mod look;
mod lookout;
mod mixed;
mod node;
mod round;
mod table;

use anyhow::{Context, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use pico_args::Arguments;

use crate::{
    candidate::{Make, Part},
    fault::Fault,
    round::Outcome,
};

#[derive(Clone, Copy)]
struct Plan {
    rounds: usize,
    candidates: usize,
    /// The number of concurrent rounds.
    jobs: usize,
    only: Option<Make>,
    fault: Option<Fault>,
}

fn main() -> anyhow::Result<()> {
    let mut args = Arguments::from_env();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    let mode = args.subcommand()?;
    if mode.as_deref() == Some("candidate") {
        let part = Part::parse(&mut args)?;
        let make = args.free_from_str()?;
        let (url, log): (String, String) = (args.free_from_str()?, args.free_from_str()?);
        return runtime.block_on(candidate::run(make, &url, log.into(), part));
    }
    let plan = Plan {
        rounds: args.opt_value_from_str("--rounds")?.unwrap_or(3),
        candidates: args.opt_value_from_str("--candidates")?.unwrap_or(4),
        jobs: args.opt_value_from_str("--jobs")?.unwrap_or(5),
        only: args.opt_value_from_str("--only")?,
        fault: args.opt_value_from_str("--fault")?,
    };
    let rest = args.finish();
    if !rest.is_empty() {
        bail!("unknown arguments: {rest:?}");
    }
    match mode.as_deref() {
        None => {}
        Some("mixed") => return runtime.block_on(mixed::run(plan.rounds, plan.jobs)),
        Some(other) => bail!("unknown mode: {other:?}"),
    }
    runtime.block_on(compare(plan))
}

async fn compare(plan: Plan) -> anyhow::Result<()> {
    let mut two_of_ours = false;
    for make in Make::ALL {
        if plan.only.is_none_or(|only| only == make) {
            let outcomes = all(make, plan).await?;
            println!("\n{}", table::of(make, &outcomes));
            let two = outcomes.iter().any(|(_, outcome)| outcome.overlap.seen);
            two_of_ours |= two && make == Make::Present;
        }
    }
    anyhow::ensure!(!two_of_ours, "two leaders at one instant");
    Ok(())
}

async fn all(make: Make, plan: Plan) -> anyhow::Result<Vec<(Fault, Outcome)>> {
    let faults = Fault::ALL.into_iter();
    let faults = faults.filter(|fault| plan.fault.is_none_or(|only| only == *fault));
    let rounds = (0..plan.rounds).flat_map(|_| faults.clone());
    let outcomes = stream::iter(rounds.map(|fault| one(make, fault, plan.candidates)));
    outcomes.buffer_unordered(plan.jobs).try_collect().await
}

async fn one(make: Make, fault: Fault, candidates: usize) -> anyhow::Result<(Fault, Outcome)> {
    let name = format!("{}, {}", make.name(), fault.name());
    let outcome = round::run(make, fault, candidates).await;
    let outcome = outcome.with_context(|| name.clone())?;
    eprintln!("{name}: {outcome:?}");
    Ok((fault, outcome))
}

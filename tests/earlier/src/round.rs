//! One fault in one election, from the start of the server to the outcome.

use std::time::Duration;

use anyhow::Context;
use noleader_fixture::{Server, eventually};
use tokio::time::sleep;

use crate::{
    candidate::{Make, Part},
    claims::{Overlap, overlap},
    clock::now_ns,
    fault::Fault,
    node::Node,
};

/// The least time for which the first leader leads before the fault, which strikes anywhere between two renewals.
const SETTLED: Duration = Duration::from_secs(2);
/// How long the round continues after the fault.
const AFTERMATH: Duration = Duration::from_secs(5);

/// The outcome of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) overlap: Overlap,
    /// From the start of the fault to the first read by which another candidate leads.
    pub(crate) new_leader: Duration,
    /// From the start of the fault to its end.
    pub(crate) lasted: Duration,
}

pub(crate) async fn run(make: Make, fault: Fault, candidates: usize) -> anyhow::Result<Outcome> {
    let server = Server::start().await?;
    let logs = tempfile::tempdir()?;
    let part = Part::new("elections", make.lease());
    let mut nodes = Vec::with_capacity(candidates);
    for number in 0..candidates {
        let log = logs.path().join(number.to_string());
        nodes.push(Node::start(make, &part, &server, log).await?);
    }

    let leader = new_leader(make, &nodes, None).await?;
    sleep(SETTLED + (make.lease() / 3).mul_f64(fastrand::f64())).await;
    let began_ns = now_ns();
    fault.begin(&mut nodes[leader])?;
    // Longer than the lease, and until another candidate leads: only then can there be two leaders.
    let (successor, ()) = tokio::join!(
        new_leader(make, &nodes, Some(leader)),
        sleep(make.lease().mul_f64(1.2)),
    );
    let successor = successor?;
    let lasted = Duration::from_nanos(now_ns() - began_ns);
    fault.end(&nodes[leader]).await?;
    sleep(AFTERMATH).await;

    let claims = nodes
        .iter()
        .map(Node::claims)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let took_over = claims[successor]
        .iter()
        .map(|claim| claim.since_ns())
        .find(|since_ns| *since_ns > began_ns)
        .context("the successor's claim is not in its log")?;
    Ok(Outcome {
        overlap: overlap(&claims),
        new_leader: Duration::from_nanos(took_over - began_ns),
        lasted,
    })
}

/// The index of a candidate that leads, other than the former leader.
async fn new_leader(make: Make, nodes: &[Node], former: Option<usize>) -> anyhow::Result<usize> {
    let bound = make.lease() * 5;
    let what = format!("a leader of {}", make.name());
    let found = eventually(what, bound, async || {
        (0..nodes.len()).find(|number| Some(*number) != former && nodes[*number].claims_now())
    });
    Ok(found.await?)
}

//! Faults of the network between a candidate and the servers.

use std::time::Duration;

use noleader_fixture::{Direction, Proxy};
use tokio::time::sleep;

use super::{Done, Lane, Span};
use crate::cast::Candidate;

pub(super) async fn cut(
    candidate: &Candidate,
    name: &'static str,
    direction: Direction,
    late: bool,
    lasts: Duration,
) -> Option<Done> {
    let cut = |proxy: &Proxy| match late {
        true => proxy.hold(direction),
        false => proxy.black_hole(direction),
    };
    Some(disturb(candidate, name, lasts, cut).await?.silent())
}

pub(super) async fn slow(candidate: &Candidate, by: Duration, lasts: Duration) -> Option<Done> {
    let slow = |proxy: &Proxy| proxy.delay(Direction::Both, by);
    disturb(candidate, "slow", lasts, slow).await
}

async fn disturb(
    candidate: &Candidate,
    name: &'static str,
    lasts: Duration,
    fault: impl Fn(&Proxy),
) -> Option<Done> {
    let _network = candidate.network.try_lock().ok()?;
    candidate.proxies.iter().for_each(fault);
    let span = Span::begin(name, Lane::Candidate(candidate.index));
    sleep(lasts).await;
    let done = span.end();
    candidate.proxies.iter().for_each(Proxy::heal);
    Some(done)
}

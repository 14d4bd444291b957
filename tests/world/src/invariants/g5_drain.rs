//! G5: a lease is released, and the call is answered, only after the gate has closed, and after all requests that the
//! process admitted under any term, and its warm-ups, have finished or the drain timeout has passed since the call.

use std::time::Duration;

use noleader::{clock::Moment, lease::Ended};

use super::Invariant;
use crate::fact::Fact;

pub(super) struct Drain {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    drain_timeout: Duration,
    is_open: bool,
    was_opened: bool,
    /// The end of the drain timeout, if the gate has closed for a stop.
    closing_until: Option<Moment>,
    /// The requests of all terms and the warm-ups in progress.
    inside: usize,
}

impl Drain {
    pub(super) fn new(nodes: usize) -> Self {
        let nodes = (0..nodes).map(|_| Node::default()).collect();
        Self { nodes }
    }
}

impl Node {
    /// The machine decided on the release at `decided_at`. After a pause, the write leaves later.
    fn releases(&self, decided_at: Moment) -> Result<(), String> {
        if self.is_open {
            return Err("the lease is released while the gate is open".to_owned());
        }
        self.waited(decided_at, "the lease is released")
    }

    fn waited(&self, decided_at: Moment, what: &str) -> Result<(), String> {
        let inside = self.inside;
        match self.closing_until {
            _ if inside == 0 => Ok(()),
            None => Err(format!(
                "{what} without waiting for {inside} requests in progress"
            )),
            Some(until) if decided_at < until => Err(format!(
                "{what} with {inside} requests inside, {} ns before the drain timeout",
                until.as_nanos() - decided_at.as_nanos()
            )),
            Some(_) => Ok(()),
        }
    }

    fn ended(&mut self, why: Ended) -> Result<(), String> {
        if why == Ended::Released && self.was_opened && self.closing_until.is_none() {
            return Err("a term is released before its gate has closed".to_owned());
        }
        self.is_open = false;
        self.was_opened = false;
        Ok(())
    }
}

impl Invariant for Drain {
    fn name(&self) -> &'static str {
        "g5_drain"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let node = &mut self.nodes[node];
        match fact {
            Fact::Started { settings } => {
                *node = Node {
                    drain_timeout: settings.timing.drain_timeout,
                    ..Node::default()
                };
            }
            Fact::Opened { .. } => (node.is_open, node.was_opened) = (true, true),
            Fact::Closing { asked_at, .. } => {
                // If the term is lost meanwhile, the timeout continues.
                let until = *asked_at + node.drain_timeout;
                node.closing_until.get_or_insert(until);
            }
            Fact::Settled { now } => {
                node.waited(*now, "a call is answered")?;
                node.closing_until = None;
            }
            Fact::Shut => node.is_open = false,
            Fact::Ended { why, .. } => node.ended(*why)?,
            Fact::Admitted { .. } if node.closing_until.is_some() => {
                return Err("a request is admitted after the gate has shut for a stop".to_owned());
            }
            Fact::Admitted { .. } => node.inside += 1,
            Fact::WarmUpBegan => node.inside += 1,
            Fact::Left | Fact::WarmUpEnded => node.inside = node.inside.saturating_sub(1),
            Fact::Sent {
                record, sent_at, ..
            } if record.holder.is_none() && !record.vacant => node.releases(*sent_at)?,
            _ => {}
        }
        Ok(())
    }
}

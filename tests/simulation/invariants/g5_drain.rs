//! G5: a lease is released only after the gate has shut, and the admitted requests have finished or the drain
//! timeout has passed. A term that was lost meanwhile is over, whatever goes on: its lease is nobody's to keep.

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
    /// The term whose gate has shut for good, and until when its requests may take.
    closing: Option<(u64, Moment)>,
    /// The terms of the requests that are inside.
    inside: Vec<u64>,
}

impl Drain {
    pub(super) fn new(nodes: usize) -> Self {
        let nodes = (0..nodes).map(|_| Node::default()).collect();
        Self { nodes }
    }
}

impl Node {
    fn is_drained(&self, now: Moment) -> Result<(), String> {
        if self.is_open {
            return Err("the lease is released while the gate is open".to_owned());
        }
        let Some((token, until)) = self.closing else {
            return Ok(());
        };
        let inside = self
            .inside
            .iter()
            .filter(|inside| **inside == token)
            .count();
        if inside == 0 || now >= until {
            return Ok(());
        }
        Err(format!(
            "the lease is released with {inside} requests inside, {} ns before the drain timeout",
            until.as_nanos() - now.as_nanos()
        ))
    }

    fn ended(&mut self, why: Ended, now: Moment) -> Result<(), String> {
        if why == Ended::Released {
            if self.was_opened && self.closing.is_none() {
                return Err("a term is given back whose gate was not shut before".to_owned());
            }
            self.is_open = false;
            self.is_drained(now)?;
        } else {
            self.closing = None;
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
            Fact::Started { settings, .. } => {
                *node = Node {
                    drain_timeout: settings.timing.drain_timeout,
                    ..Node::default()
                };
            }
            Fact::Began { .. } => node.closing = None,
            Fact::Opened { .. } => (node.is_open, node.was_opened) = (true, true),
            Fact::Closing { token, now } => {
                node.closing = Some((*token, *now + node.drain_timeout));
            }
            Fact::Shut => node.is_open = false,
            Fact::Ended { why, now, .. } => node.ended(*why, *now)?,
            Fact::Admitted { token, .. } => {
                if node.closing.is_some_and(|(closing, _)| closing == *token) {
                    return Err("a request is admitted after the gate has shut for good".to_owned());
                }
                node.inside.push(*token);
            }
            Fact::Left { token } => {
                if let Some(index) = node.inside.iter().position(|inside| inside == token) {
                    node.inside.swap_remove(index);
                }
            }
            Fact::Sent { record, now, .. } if record.holder.is_none() && !record.vacant => {
                node.is_drained(*now)?;
            }
            _ => {}
        }
        Ok(())
    }
}

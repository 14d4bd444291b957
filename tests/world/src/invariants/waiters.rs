//! Every waiter wakes. While the task is not paused, the published status equals the actual status, so each change has
//! woken its waiters, after the gate has changed. Every step-down and shutdown is answered in time.

use std::time::Duration;

use noleader::{clock::Moment, lease::Status};

use super::Invariant;
use crate::fact::Fact;

pub(super) struct Waiters {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// How long admitted work may delay a step-down.
    drain: Duration,
    /// How long a step-down may take otherwise. A release is attempted for two request timeouts.
    release: Duration,
    /// The drain has begun.
    is_closing: bool,
    /// The deadlines of the pending answers.
    answers_due: Vec<Moment>,
}

impl Waiters {
    pub(super) fn new(nodes: usize) -> Self {
        let nodes = (0..nodes).map(|_| Node::default()).collect();
        Self { nodes }
    }
}

impl Node {
    fn postpone(&mut self, span: Duration) {
        for due in &mut self.answers_due {
            *due = *due + span;
        }
    }

    fn turned(&self, status: &Status, has_opening: bool, now: Moment) -> Result<(), String> {
        if matches!(status, Status::Leader { .. }) != has_opening {
            return Err(format!(
                "{status:?} is published while the gate is {}",
                if has_opening { "open" } else { "shut" }
            ));
        }
        if self.answers_due.iter().any(|due| *due < now) {
            return Err("a step-down is not answered in time".to_owned());
        }
        if *status == Status::Stopped && !self.answers_due.is_empty() {
            return Err("the task stops without answering a step-down or a shutdown".to_owned());
        }
        Ok(())
    }
}

impl Invariant for Waiters {
    fn name(&self) -> &'static str {
        "waiters"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let node = &mut self.nodes[node];
        match fact {
            Fact::Started { settings } => {
                let timing = &settings.timing;
                *node = Node {
                    drain: timing.drain_timeout,
                    release: timing.request_timeout * 3,
                    is_closing: false,
                    answers_due: Vec::new(),
                };
            }
            Fact::Asked { now, has_requests } => {
                let drain = if *has_requests {
                    node.drain
                } else {
                    Duration::ZERO
                };
                node.answers_due.push(*now + drain + node.release);
            }
            Fact::Closing { has_requests, .. } => {
                // Requests may have been admitted since the stop was requested.
                if *has_requests && !node.is_closing {
                    node.postpone(node.drain);
                }
                node.is_closing = true;
            }
            Fact::Died => node.answers_due.clear(),
            Fact::HeldUp { span } => node.postpone(*span),
            Fact::Settled { .. } => {
                node.answers_due.clear();
                node.is_closing = false;
            }
            Fact::Turned {
                status,
                has_opening,
                handled_at,
                ..
            } => node.turned(status, *has_opening, *handled_at)?,
            Fact::Looked { published, is } if published != is => {
                return Err(format!(
                    "no waiter was woken: published {published:?}, actual {is:?}"
                ));
            }
            _ => {}
        }
        Ok(())
    }
}

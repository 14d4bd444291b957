//! The closures of users run one at a time: the work of a loop, and the warm-ups, which end before the gate opens.

use super::Invariant;
use crate::fact::Fact;

pub(super) struct Work {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    works: bool,
    warms_up: bool,
}

impl Work {
    pub(super) fn new(nodes: usize) -> Self {
        let nodes = (0..nodes).map(|_| Node::default()).collect();
        Self { nodes }
    }
}

impl Invariant for Work {
    fn name(&self) -> &'static str {
        "work"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let node = &mut self.nodes[node];
        match fact {
            Fact::Started { .. } => *node = Node::default(),
            Fact::WorkBegan if node.works => return Err("the work runs twice at once".to_owned()),
            Fact::WorkBegan => node.works = true,
            Fact::WorkEnded => node.works = false,
            Fact::WarmUpBegan if node.warms_up => {
                return Err("a warm-up begins before an earlier one has ended".to_owned());
            }
            Fact::WarmUpBegan => node.warms_up = true,
            Fact::WarmUpEnded => node.warms_up = false,
            Fact::Opened { .. } if node.warms_up => {
                return Err("the gate opens while a warm-up runs".to_owned());
            }
            _ => {}
        }
        Ok(())
    }
}

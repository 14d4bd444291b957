//! What goes wrong, at random times.

use super::{
    super::super::*,
    Plan,
    world::{Event, World},
};

impl World {
    pub(super) fn trouble(&mut self) {
        let node = self.rng.usize(0..self.nodes.len());
        let span = self.now + self.rng.u64(50_000..1_500_000);
        match self.rng.u8(0..20) {
            0..3 => self.pause(node, span),
            3..6 => self.nodes[node].cut_until = span,
            6 => self.kill(node),
            7..9 => self.command(node, Input::StepDown),
            9 => self.command(node, Input::Shutdown),
            10..14 => self.interfere(),
            14 | 15 => self.revive(node),
            16 => self.lose_data(),
            _ => {}
        }
        let delay = self.rng.u64(10_000..500_000);
        self.after(delay, Event::Trouble);
    }

    /// The network and the processes run smoothly.
    pub(super) fn is_reliable(&self) -> bool {
        self.server.epoch > 0
    }

    fn pause(&mut self, node: usize, until: u64) {
        if !self.is_reliable() {
            self.nodes[node].paused_until = until;
        }
    }

    /// A new process takes the place of the old one, and knows nothing.
    fn kill(&mut self, node: usize) {
        if self.may_die(node) {
            self.restart(node);
        }
    }

    fn command(&mut self, node: usize, input: Input) {
        if input == Input::Shutdown {
            if !self.may_die(node) {
                return;
            }
            self.nodes[node].is_leaving = true;
        }
        self.receive_after(0, node, input);
    }

    /// A stopped process comes back as a new one.
    fn revive(&mut self, node: usize) {
        if self.nodes[node].machine.role() == Role::Stopped {
            self.restart(node);
        }
    }

    /// Where the stream may get lost, the last token has to be known to a process that lives on.
    fn may_die(&self, node: usize) -> bool {
        let knows = |other: usize| other != node && self.nodes[other].knows(self.top_token);
        self.plan != Plan::DataLoss || (0..self.nodes.len()).any(knows)
    }

    /// Somebody else writes to the key, or removes it.
    fn interfere(&mut self) {
        if self.plan == Plan::UnequalLeases {
            return;
        }
        match self.rng.u8(0..4) {
            0 => drop(self.put(Some(b"garbage".to_vec()))),
            1 => drop(self.put(None)),
            _ => self.server.remove(),
        }
    }

    fn lose_data(&mut self) {
        if self.plan == Plan::DataLoss && self.server.epoch == 0 {
            self.server.lose_data();
            for node in &mut self.nodes {
                node.paused_until = self.now;
            }
        }
    }
}

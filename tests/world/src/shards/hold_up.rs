//! Pauses of a task or of its whole process, at any time and between any two steps of a turn.

use super::world::{Event, World};
use crate::clock::{MICROSECOND, MILLISECOND};

/// More steps than all tasks take at one instant.
const MOST_STEPS: usize = 10_000;

impl World {
    pub(super) fn pause(&mut self, node: usize, span: u64) {
        self.say(node, || format!("is paused for {} ms", span / MILLISECOND));
        let paused_until = &mut self.nodes[node].paused_until;
        *paused_until = (*paused_until).max(self.now + span);
        // A request may be the first to run after the pause.
        let gates = self.nodes[node].process.gates.keys().next().copied();
        if let Some(shard) = gates {
            self.after(span, Event::Request { node, shard });
        }
    }

    pub(super) fn stall_task(&mut self, node: usize, span: u64) {
        self.say(node, || {
            format!("its task is starved for {} ms", span / MILLISECOND)
        });
        let stalled_until = &mut self.nodes[node].stalled_until;
        *stalled_until = (*stalled_until).max(self.now + span);
    }

    /// Whether the task, or its whole process, is paused before its next step, for example between a decision and its
    /// effect.
    pub(super) fn hold_up(&mut self, node: usize) -> bool {
        self.steps = match self.steps {
            (at, steps) if at == self.now => (at, steps + 1),
            _ => (self.now, 0),
        };
        if self.steps.1 > MOST_STEPS {
            let what = format!("the task of node {node} spins");
            self.violate("liveness", what);
            return true;
        }
        if self.is_calm || !self.choices.one_in(150) {
            return false;
        }
        let lease = self.settings.lease();
        let span = match self.choices.below(3) {
            0 => self.choices.u64(0..lease * 3 / 2),
            _ => self.choices.u64(0..lease / 10),
        };
        let until = self.now + span;
        let held_up = &mut self.nodes[node];
        match self.choices.bool() {
            true => held_up.stalled_until = held_up.stalled_until.max(until),
            false => held_up.paused_until = held_up.paused_until.max(until),
        }
        self.say(node, || {
            format!("is held up in its turn for {} us", span / MICROSECOND)
        });
        if let Some(shard) = self.nodes[node].process.gates.keys().next().copied() {
            let delay = self.choices.u64(0..=span);
            self.after(delay, Event::Request { node, shard });
        }
        true
    }
}

//! Pauses of a task or of its whole process, at any time and between any two steps of a turn. During a pause, and
//! right after it, the gate is read.

use std::time::Duration;

use crate::{
    clock::{MICROSECOND, MILLISECOND},
    fact::Fact,
    world::{Event, World},
};

impl World {
    pub(crate) fn pause(&mut self, node: usize, span: u64) {
        if !self.is_smooth(node) {
            self.say(node, || format!("is paused for {} ms", span / MILLISECOND));
            let paused_until = &mut self.nodes[node].paused_until;
            *paused_until = (*paused_until).max(self.now + span);
            self.held_up(node, span);
            // A request may be the first to run after the pause.
            self.after(span, Event::Request { node });
        }
    }

    pub(crate) fn stall(&mut self, node: usize, span: u64) {
        if !self.is_smooth(node) {
            self.say(node, || {
                format!("its task is starved for {} ms", span / MILLISECOND)
            });
            let stalled_until = &mut self.nodes[node].stalled_until;
            *stalled_until = (*stalled_until).max(self.now + span);
            self.held_up(node, span);
        }
    }

    fn held_up(&mut self, node: usize, span: u64) {
        // Longer than on the fastest clock within the bound.
        let span = Duration::from_nanos(span * 5 / 4);
        self.fact(node, &Fact::HeldUp { span });
    }

    /// Whether the task, or its whole process, is paused before its next step, for example between a decision and its
    /// effect.
    pub(crate) fn hold_up(&mut self, node: usize) -> bool {
        if self.is_smooth(node) || !self.choices.one_in(80) {
            return false;
        }
        let base = self.settings.base();
        let span = match self.choices.below(3) {
            0 => self.choices.u64(0..base / 10),
            _ => self.choices.u64(0..2 * base),
        };
        let until = self.now + span;
        let held_up = &mut self.nodes[node];
        match self.choices.bool() {
            true => held_up.stalled_until = held_up.stalled_until.max(until),
            false => held_up.paused_until = held_up.paused_until.max(until),
        }
        held_up.process.is_mid_turn = true;
        self.say(node, || {
            format!("is held up in its turn for {} us", span / MICROSECOND)
        });
        self.held_up(node, span);
        self.ask_meanwhile(node, span);
        true
    }

    /// Plans a request during the pause of a turn: at any time, at the gate's deadline, or just before the turn
    /// continues.
    fn ask_meanwhile(&mut self, node: usize, span: u64) {
        let n = &self.nodes[node];
        let deadline = n.process.gate.closes_at().map(|at| n.clock.real(at));
        let end = self.now + span;
        let at = match (self.choices.below(4), deadline) {
            (0, _) => return,
            (1, Some(deadline)) if (self.now..end).contains(&deadline) => deadline,
            (2, _) => end,
            _ => self.now + self.choices.u64(0..=span),
        };
        self.queue.push(at, Event::Request { node });
    }
}

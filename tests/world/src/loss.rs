//! The loss of the stream and all its data, and the faults that are allowed around it if G2 has to hold.
//!
//! G2 holds after a loss if a candidate that saw the last token reaches the server before another candidate takes the
//! key. So one such candidate, the witness, is spared from faults: it keeps running, and its messages arrive soon.
//! All other candidates still suffer faults.
//!
//! The witness is necessary. A candidate that has not seen the last token may find the key absent and mark it just
//! after the loss, and takes it over one lease later on its clock, which may be the fastest. The witness reads the key
//! after up to 0.675 leases of silence. The promise excludes faults that keep it from the server for the rest of that
//! lease.

use noleader::lease::Record;

use crate::{
    clock::{MILLISECOND, WALL_START},
    network::LONGEST_WAY,
    plan::Plan,
    world::{Event, World},
};

impl World {
    /// Whether this node suffers no faults of the network, the store or its process.
    pub(crate) fn is_smooth(&self, node: usize) -> bool {
        self.is_calm || self.witness == Some(node)
    }

    /// Whether the key itself contains the last token, which its next holder then sees.
    pub(crate) fn is_told(&self) -> bool {
        let last = &self.server.last().seen;
        let bytes = last.value().unwrap_or_default();
        let record = Record::decode(last.revision(), bytes).ok();
        let tells = |record: Record| record.token_at(last.revision()).max(record.floor);
        self.witness.is_none() || record.map_or(0, tells) >= self.top_token
    }

    /// Whether another client may remove the token from the key: the witness knows it, and can write it again.
    pub(crate) fn may_be_forgotten(&self) -> bool {
        let knows = |witness: usize| self.nodes[witness].knows(self.top_token);
        self.witness.is_none_or(knows) && (self.witness.is_none() || !self.is_down())
    }

    /// Whether the process may end. The witness must not.
    pub(crate) fn may_die(&self, node: usize) -> bool {
        self.witness != Some(node)
    }

    pub(crate) fn lose_stream(&mut self) {
        self.say_of_all(|| "the bucket is lost and recreated".to_owned());
        let sequence = match self.settings.plan {
            Plan::NewBucket => WALL_START + self.now / MILLISECOND,
            _ => 0,
        };
        self.server.lose_stream(self.now, sequence);
        self.server.deafen(|_| true);
    }

    /// Loses the stream if some candidate can be the witness.
    pub(crate) fn lose_all_but_a_witness(&mut self) {
        let (now, top) = (self.now, self.top_token);
        let witness = self.nodes.iter().position(|n| {
            let runs = n.task_runs_from().max(n.cut_until) <= now && !n.process.is_mid_turn;
            runs && n.knows(top)
        });
        if let Some(witness) = witness.filter(|_| !self.is_down()) {
            debug_assert_eq!(self.settings.plan, Plan::LostStream);
            self.say(witness, || "is the witness of the loss".to_owned());
            self.tally.lost_streams += 1;
            self.lose_stream();
            self.witness = Some(witness);
            self.hurry_for(witness);
            self.leave_alone(witness);
        }
    }

    /// In half of the runs, the other nodes restart, and forget the last token, or are paused. Only the witness can
    /// then write it again.
    fn leave_alone(&mut self, witness: usize) {
        if self.choices.bool() {
            return;
        }
        let base = self.settings.base();
        for node in (0..self.nodes.len()).filter(|node| *node != witness) {
            match self.choices.bool() {
                true => self.restart(node),
                false => self.pause(node, 2 * base),
            }
        }
    }

    /// Messages to and from the witness arrive soon.
    fn hurry_for(&mut self, witness: usize) {
        let now = self.now;
        let choices = &mut self.choices;
        self.queue.hurry(|at, event| match event {
            Event::Answer { node, .. }
            | Event::Push { node, .. }
            | Event::Read { node, .. }
            | Event::Watch { node, .. }
                if *node == witness =>
            {
                Some(now + choices.u64(0..LONGEST_WAY))
            }
            _ => Some(at),
        });
    }
}

//! What must hold at every instant.

use std::collections::BTreeMap;

use super::{
    super::super::*,
    process::{DRAIN, LEASE},
    world::World,
};
use crate::lease::Observation;

#[derive(Default)]
pub(super) struct Checks {
    pub(super) violation: Option<String>,
    tokens: BTreeMap<u32, u64>,
    /// Which process writes under which session.
    writers: Vec<(SessionId, usize)>,
    replaced: Vec<SessionId>,
    pub(super) renewals: BTreeMap<usize, u64>,
    pub(super) openings: u64,
    pub(super) moves: u64,
    pub(super) takeovers: u64,
    pub(super) fences: u64,
}

impl World {
    pub(super) fn violate(&mut self, what: String) {
        if !self.gates_only || what.starts_with("gates:") {
            self.checks.violation.get_or_insert(what);
        }
    }

    /// One gate for each shard.
    pub(super) fn check_gate(&mut self, process: usize, shard: u32) {
        let now = self.now;
        if !self.processes[process].is_open(now, shard) {
            return;
        }
        let open = |p: &usize| self.processes[*p].is_open(now, shard);
        let open: Vec<usize> = (0..self.processes.len()).filter(open).collect();
        if open.len() > 1 {
            self.violate(format!("gates: shard {shard} is open in {open:?}"));
        }
    }

    pub(super) fn check_token(&mut self, shard: u32, token: u64) {
        self.checks.openings += 1;
        if let Some(before) = self.checks.tokens.insert(shard, token)
            && before >= token
        {
            self.violate(format!("tokens: shard {shard} has {token} after {before}"));
        }
    }

    /// A shard is shut and drained before it is freed, and opens with a claim only.
    pub(super) fn check_action(&mut self, process: usize, action: &Action) {
        let now = self.now;
        let p = &self.processes[process];
        match action {
            Action::Write {
                key: Key::Shard(shard),
                record: Record::Shard(Ownership::Free { token, .. }),
                ..
            } => {
                let inside = p.inside.get(&(*shard, *token)).copied().unwrap_or(0);
                let shut_at = p.shut_at.get(shard).copied().unwrap_or(0);
                let is_drained = inside <= now || now >= shut_at + DRAIN * 19 / 20;
                if p.gates.contains_key(shard) || !is_drained {
                    self.violate(format!("drained: shard {shard} is freed"));
                }
            }
            Action::Write {
                record: Record::Session(SessionRecord::Left),
                ..
            } => {
                let inside = p.inside.values().max().copied().unwrap_or(0);
                let waited = p.left_at.is_some_and(|at| now >= at + DRAIN * 19 / 20);
                if !p.gates.is_empty() || (inside > now && !waited) {
                    self.violate("drained: a node leaves".to_owned());
                }
            }
            Action::Open { shard, token } => self.check_owner(process, *shard, *token),
            _ => {}
        }
    }

    /// The claim was applied, and names the session and the node. It may have been replaced since.
    fn check_owner(&mut self, process: usize, shard: u32, token: u64) {
        let claimed = self.checks_claim(process, shard, token);
        if !claimed {
            self.violate(format!("claims: shard {shard} opens without a claim"));
        }
    }

    fn checks_claim(&self, process: usize, shard: u32, token: u64) -> bool {
        let session = self.processes[process].session;
        self.store.ever(&Key::Shard(shard)).any(|seen| {
            let record = seen.value().map(|v| Ownership::decode(seen.revision(), v));
            matches!(record, Some(Ok(Ownership::Held(held)))
                if Some(held.session) == session && Ownership::Held(held.clone()).token_at(seen.revision()) == token)
        })
    }

    /// What a write of the protocol replaced.
    pub(super) fn check_applied(
        &mut self,
        process: usize,
        key: &Key,
        before: &Observation,
        record: &Record,
    ) {
        match (key, record) {
            (Key::Session(node), Record::Session(record)) => {
                let former = before.value().and_then(|v| SessionRecord::decode(v).ok());
                let former = former.and_then(|record| record.session());
                self.check_session(process, node, former, record);
            }
            (Key::Shard(shard), Record::Shard(Ownership::Held(held))) => {
                self.check_claim(*shard, before, held);
            }
            (Key::Shard(_), Record::Shard(Ownership::Free { .. })) => self.checks.moves += 1,
            _ => {}
        }
    }

    fn check_session(
        &mut self,
        process: usize,
        node: &crate::names::NodeId,
        former: Option<SessionId>,
        record: &SessionRecord,
    ) {
        let now = self.now;
        if let Some(former) = former
            && record.session() != Some(former)
        {
            self.checks.replaced.push(former);
            let open = |p: &&super::process::Process| {
                p.session == Some(former) && p.is_valid(now) && !p.gates.is_empty()
            };
            if self.processes.iter().any(|p| open(&p)) {
                self.violate(format!("sessions: {node} is replaced while it is open"));
            }
        }
        if matches!(record, SessionRecord::Dead { .. }) {
            self.checks.fences += 1;
        }
        let SessionRecord::Alive(alive) = record else {
            return;
        };
        *self.checks.renewals.entry(process).or_default() += 1;
        if self.checks.replaced.contains(&alive.session) {
            self.violate(format!("sessions: {node} is renewed after its end"));
        }
        let writer = self
            .checks
            .writers
            .iter()
            .find(|(s, _)| *s == alive.session);
        match writer {
            Some((_, writer)) if *writer != process => {
                self.violate(format!("writers: {writer} and {process} write one session"));
            }
            Some(_) => {}
            None => self.checks.writers.push((alive.session, process)),
        }
    }

    /// Every claim replaces what is free, dead or waited for.
    fn check_claim(&mut self, shard: u32, before: &Observation, held: &Held) {
        let former = before
            .value()
            .map(|v| Ownership::decode(before.revision(), v));
        // The time of the write itself is not in the history: the one before it is.
        let since = self.store.changed_before(&Key::Shard(shard));
        let waited = self.now >= since + LEASE * 9 / 10;
        let is_fair = match &former {
            Some(Ok(Ownership::Free { .. })) => true,
            Some(Ok(Ownership::Held(former))) => {
                if former.session != held.session {
                    self.checks.takeovers += 1;
                }
                former.session == held.session
                    || self.store.session(&former.node) != Some(former.session)
            }
            None => before.revision() > 0 && waited,
            Some(_) => waited,
        };
        if !is_fair {
            self.violate(format!("claims: shard {shard} is taken from {former:?}"));
        }
    }
}

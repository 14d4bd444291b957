//! R5 to R8: every claim of a shard replaces what is free, what a dead session holds, or what was waited for; a mark
//! replaces what has no owner; and only its owner frees a shard.

use std::collections::{BTreeMap, HashSet};

use noleader::shards::protocol::{Key, Ownership, SessionId, SessionRecord};

use super::{Content, Invariant, content};
use crate::shards::{fact::Fact, settings::Settings};

pub(super) struct Claims {
    lease: u64,
    /// The sessions that each node has had, and since when there has been evidence against each.
    of_node: BTreeMap<Key, Vec<(SessionId, Option<u64>)>>,
    dead: HashSet<SessionId>,
    /// When each key of a shard last changed.
    changed: BTreeMap<Key, u64>,
}

impl Claims {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            lease: settings.shortest_lease(),
            of_node: BTreeMap::new(),
            dead: HashSet::new(),
            changed: BTreeMap::new(),
        }
    }

    /// Notes which sessions of a node are dead. A mark, a marker and garbage are evidence that counts after a lease, also
    /// if it is removed meanwhile: no node then knows. Absence is no evidence.
    fn judge(&mut self, at: u64, key: &Key) {
        let all = self.of_node.get(key).into_iter().flatten();
        let is_dead = |since: &Option<u64>| since.is_some_and(|since| at - since >= self.lease);
        let dead = all.filter(|(_, since)| is_dead(since));
        self.dead.extend(dead.map(|(session, _)| *session));
    }

    fn session_changed(&mut self, at: u64, key: &Key, content: &Content) {
        self.judge(at, key);
        let all = self.of_node.entry(key.clone()).or_default();
        let (alive, is_proof) = match content {
            Content::Absent => return,
            Content::Session(SessionRecord::Alive(alive)) => (Some(alive.session), true),
            Content::Session(SessionRecord::Dead { .. } | SessionRecord::Left) => (None, true),
            _ => (None, false),
        };
        if let Some(session) = alive {
            all.retain(|(other, _)| *other != session);
            all.push((session, None));
        }
        for (session, since) in all {
            if Some(*session) != alive {
                since.get_or_insert(at);
                if is_proof {
                    self.dead.insert(*session);
                }
            }
        }
    }

    fn may_claim(&mut self, at: u64, session: SessionId, before: &Content, age: u64) -> bool {
        match before {
            Content::Absent => false,
            Content::Shard(Ownership::Free { .. }) => true,
            Content::Shard(Ownership::Held(held)) => {
                self.judge(at, &Key::Session(held.node.clone()));
                held.session == session || self.dead.contains(&held.session)
            }
            _ => age >= self.lease,
        }
    }

    fn shard_changed(
        &mut self,
        at: u64,
        before: &Content,
        record: &Ownership,
        age: u64,
    ) -> Result<(), String> {
        let is_fair = match record {
            Ownership::Held(held) => self.may_claim(at, held.session, before, age),
            Ownership::Free { .. } => matches!(before, Content::Shard(Ownership::Held(_))),
            Ownership::Vacant { .. } => !matches!(
                before,
                Content::Shard(Ownership::Held(_) | Ownership::Free { .. })
            ),
            Ownership::Later(_) => false,
        };
        match is_fair {
            true => Ok(()),
            false => Err(format!("{record:?} replaces {before:?} after {age} ns")),
        }
    }
}

impl Invariant for Claims {
    fn name(&self) -> &'static str {
        "claims"
    }

    fn see(&mut self, at: u64, _node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let (key, before, value, revision) = match fact {
            Fact::Applied {
                key,
                before,
                value,
                revision,
                ..
            } => (*key, Some(*before), Some(*value), *revision),
            Fact::Touched { key, seen } => (*key, None, seen.value(), seen.revision()),
            Fact::Recreated => {
                self.changed.clear();
                return Ok(());
            }
            _ => return Ok(()),
        };
        let Some(parsed) = Key::parse(key) else {
            return Ok(());
        };
        let after = content(key, revision, value);
        match (&parsed, after) {
            (Key::Session(_), after) => self.session_changed(at, &parsed, &after),
            (Key::Shard(_), after) => {
                let age = at - self.changed.insert(parsed, at).unwrap_or(0);
                if let (Some(before), Content::Shard(record)) = (before, after) {
                    let before = content(key, before.revision(), before.value());
                    return self.shard_changed(at, &before, &record, age);
                }
            }
            (Key::Config, _) => {}
        }
        Ok(())
    }
}

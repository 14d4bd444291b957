//! R1 to R4: nothing is open under a session at the instant its record is replaced, or at which another one begins that
//! replaces what other clients left of it. No session is renewed after that: each renewal replaces a record of its
//! session. Every record of a session that begins or is fenced replaces what is free, dead or waited for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use noleader::shards::protocol::{Key, SessionId, SessionRecord};

use super::{Content, Invariant, content};
use crate::shards::{fact::Fact, settings::Settings};

pub(super) struct Sessions {
    lease: u64,
    nodes: Vec<Node>,
    /// The sessions whose records were replaced by the protocol.
    ended: HashSet<SessionId>,
    /// The process that wrote each session first, and its key.
    writers: HashMap<SessionId, (u64, String)>,
    /// When each key last changed.
    changed: BTreeMap<String, u64>,
}

#[derive(Clone, Default)]
struct Node {
    session: Option<SessionId>,
    until: u64,
    open: BTreeSet<u32>,
}

impl Sessions {
    pub(super) fn new(settings: &Settings, nodes: usize) -> Self {
        Self {
            lease: settings.shortest_lease(),
            nodes: vec![Node::default(); nodes],
            ended: HashSet::new(),
            writers: HashMap::new(),
            changed: BTreeMap::new(),
        }
    }

    /// Whether no gate is open under any other session of the key.
    fn others_are_shut(
        &self,
        at: u64,
        key: &str,
        session: Option<SessionId>,
    ) -> Result<(), String> {
        let is_former = |other: &SessionId| {
            Some(*other) != session && self.writers.get(other).is_some_and(|(_, of)| of == key)
        };
        let is_open = |node: &Node| node.until > at && !node.open.is_empty();
        let open = self
            .nodes
            .iter()
            .position(|node| node.session.as_ref().is_some_and(is_former) && is_open(node));
        match open {
            None => Ok(()),
            Some(node) => Err(format!(
                "the session of node {node} is replaced while it is open"
            )),
        }
    }

    /// Whether a session may begin over `before`, which has been there for `age`.
    fn may_begin(&self, by: u64, before: &Content, age: u64) -> bool {
        let was_waited_for = age >= self.lease;
        match before {
            Content::Session(SessionRecord::Dead { .. } | SessionRecord::Left) => true,
            Content::Session(SessionRecord::Alive(alive)) => {
                let writer = self.writers.get(&alive.session);
                writer.is_some_and(|(writer, _)| *writer == by) || was_waited_for
            }
            Content::Absent => false,
            _ => was_waited_for,
        }
    }

    fn applied(
        &mut self,
        (at, by, key): (u64, u64, &str),
        before: &Content,
        record: &SessionRecord,
        age: u64,
    ) -> Result<(), String> {
        let former = match before {
            Content::Session(record) => record.session(),
            _ => None,
        };
        self.ended
            .extend(former.filter(|former| record.session() != Some(*former)));
        // A mark over an absent key begins the wait, and ends nothing yet.
        let kept = match record {
            SessionRecord::Unknown => Ok(()),
            _ => self.others_are_shut(at, key, record.session()),
        };
        match record {
            SessionRecord::Alive(alive) if self.ended.contains(&alive.session) => {
                Err("a session is renewed after its end".to_owned())
            }
            SessionRecord::Alive(alive) if self.writers.contains_key(&alive.session) => {
                match former == Some(alive.session) {
                    true => kept,
                    false => Err(format!("a renewal replaces {before:?}")),
                }
            }
            SessionRecord::Alive(alive) => {
                let may_begin = self.may_begin(by, before, age);
                self.writers.insert(alive.session, (by, key.to_owned()));
                match may_begin {
                    true => kept,
                    false => Err(format!("a session begins over {before:?} after {age} ns")),
                }
            }
            SessionRecord::Dead { .. } if former.is_some() && age < self.lease => {
                Err(format!("a session is fenced after {age} ns"))
            }
            SessionRecord::Dead { .. } if former.is_none() => {
                Err(format!("a tombstone replaces {before:?}"))
            }
            SessionRecord::Unknown if *before != Content::Absent => {
                Err(format!("a mark replaces {before:?}"))
            }
            _ => kept,
        }
    }
}

impl Invariant for Sessions {
    fn name(&self) -> &'static str {
        "sessions"
    }

    fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Began { session, until, .. } => {
                self.nodes[node] = Node {
                    session: Some(*session),
                    until: *until,
                    open: BTreeSet::new(),
                };
            }
            Fact::Extended { until, .. } | Fact::Retimed { until } => {
                self.nodes[node].until = *until;
            }
            Fact::Opened { shard, .. } => _ = self.nodes[node].open.insert(*shard),
            Fact::Shut { shard } => _ = self.nodes[node].open.remove(shard),
            Fact::Ended => self.nodes[node] = Node::default(),
            Fact::Touched { key, .. } => _ = self.changed.insert((*key).to_owned(), at),
            Fact::Recreated => self.changed.clear(),
            Fact::Applied {
                by,
                key,
                before,
                value,
                revision,
            } => {
                let since = self.changed.insert((*key).to_owned(), at).unwrap_or(0);
                let record = content(key, *revision, Some(value));
                if let (Some(Key::Session(_)), Content::Session(record)) = (Key::parse(key), record)
                {
                    let before = content(key, before.revision(), before.value());
                    return self.applied((at, *by, key), &before, &record, at - since);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

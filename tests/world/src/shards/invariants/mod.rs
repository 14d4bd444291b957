//! The invariants of every run, one file each.

mod admissions;
mod claims;
mod drained;
mod one_gate;
mod openings;
mod quiet;
mod renewals;
mod sessions;
mod tokens;
mod writers;

use noleader::shards::protocol::{Key, Ownership, SessionRecord};

use super::{
    fact::Fact,
    settings::{Plan, Settings},
};
use crate::invariants::Violation;

/// Something that must hold, checked against every fact of a run.
pub(super) trait Invariant: Send {
    /// The name of its file.
    fn name(&self) -> &'static str;

    /// Checks an event on `node` at the real time `at`.
    ///
    /// # Errors
    ///
    /// A description of the violation.
    fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String>;
}

pub(crate) struct Invariants(Vec<Box<dyn Invariant>>);

impl Invariants {
    /// The invariants that hold under the plan of a run, for `nodes` nodes.
    pub(super) fn of(settings: &Settings, nodes: usize) -> Self {
        let mut all: Vec<Box<dyn Invariant>> = vec![Box::new(one_gate::OneGate::new(nodes))];
        if settings.promises_larger_tokens() {
            all.push(Box::new(tokens::LargerTokens::default()));
        }
        if settings.plan.is_inside() {
            all.push(Box::new(sessions::Sessions::new(settings, nodes)));
            all.push(Box::new(claims::Claims::new(settings)));
            all.push(Box::new(openings::Openings::new(settings, nodes)));
            all.push(Box::new(writers::Writers::default()));
            all.push(Box::new(drained::Drained));
            all.push(Box::new(admissions::Admissions));
            all.push(Box::new(renewals::Renewals::new(settings, nodes)));
            all.push(Box::new(quiet::Quiet::new(settings, nodes)));
        } else if settings.plan == Plan::RolledBack {
            all.push(Box::new(tokens::GrowingTokens::new(settings, nodes)));
        }
        Self(all)
    }

    pub(super) fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Vec<Violation> {
        let violated = self.0.iter_mut().filter_map(|invariant| {
            let what = invariant.see(at, node, fact).err()?;
            Some(Violation {
                invariant: invariant.name(),
                what,
            })
        });
        violated.collect()
    }
}

/// What a key contains.
#[derive(Clone, Debug, PartialEq)]
enum Content {
    Absent,
    /// A marker of a deletion, or garbage.
    Unknown,
    Session(SessionRecord),
    Shard(Ownership),
}

fn content(key: &str, revision: u64, value: Option<&[u8]>) -> Content {
    let record = match (Key::parse(key), value) {
        (_, None) if revision == 0 => return Content::Absent,
        (Some(Key::Session(_)), Some(value)) => {
            SessionRecord::decode(value).ok().map(Content::Session)
        }
        (Some(Key::Shard(_)), Some(value)) => {
            Ownership::decode(revision, value).ok().map(Content::Shard)
        }
        _ => None,
    };
    record.unwrap_or(Content::Unknown)
}

//! R8 to R10: the records of a session have one writer, a claim names a session of the process that writes it, and only
//! that process frees the shard, or writes that the session has left.

use std::collections::HashMap;

use noleader::shards::protocol::{Ownership, SessionId, SessionRecord};

use super::{Content, Invariant, content};
use crate::shards::fact::Fact;

#[derive(Default)]
pub(super) struct Writers {
    writers: HashMap<SessionId, u64>,
}

impl Invariant for Writers {
    fn name(&self) -> &'static str {
        "writers"
    }

    fn see(&mut self, _at: u64, _node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Applied {
            by,
            key,
            before,
            value,
            revision,
            ..
        } = fact
        else {
            return Ok(());
        };
        let former = content(key, before.revision(), before.value());
        let session = match (content(key, *revision, Some(value)), former) {
            (Content::Session(SessionRecord::Alive(alive)), _) => alive.session,
            (Content::Shard(Ownership::Held(held)), _)
            | (Content::Shard(Ownership::Free { .. }), Content::Shard(Ownership::Held(held))) => {
                held.session
            }
            (
                Content::Session(SessionRecord::Left),
                Content::Session(SessionRecord::Alive(alive)),
            ) => alive.session,
            _ => return Ok(()),
        };
        match self.writers.insert(session, *by) {
            Some(other) if other != *by => Err(format!(
                "processes {other} and {by} write under one session"
            )),
            _ => Ok(()),
        }
    }
}

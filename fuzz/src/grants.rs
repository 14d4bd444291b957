//! Each revision is replaced by at most one term, with a token larger than all before, and only after the wait that it
//! requires: the holder's whole lease from the first sight of exactly this record, and as long for an unknown holder.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    clock::Moment,
    lease::{Candidate, Observation, Record},
    script::Plan,
};

/// The values that one process saw at each revision, and when it first saw them.
#[derive(Default)]
pub(crate) struct Sightings(BTreeMap<u64, Vec<Shown>>);

type Shown = (Option<Vec<u8>>, Moment);

impl Sightings {
    pub(crate) fn saw(&mut self, seen: &Observation, now: Moment) {
        let shown = self.0.entry(seen.revision()).or_default();
        if shown
            .iter()
            .all(|(value, _)| value.as_deref() != seen.value())
        {
            shown.push((seen.value().map(<[u8]>::to_vec), now));
        }
    }

    pub(crate) fn check_takeover(&self, expected: u64, now: Moment, me: &Candidate) {
        // A key without a message is marked first.
        assert!(
            expected != 0 || me.trust_absent_key,
            "an absent key was taken over"
        );
        let shown = self.0.get(&expected).into_iter().flatten();
        let waited = |(value, since): &Shown| now >= *since + wait(expected, value.as_deref(), me);
        assert!(
            { shown }.any(waited),
            "revision {expected} was taken over before its lease expired"
        );
    }
}

/// How long a key like this must have stood before `me` may take it over.
fn wait(revision: u64, value: Option<&[u8]>, me: &Candidate) -> Duration {
    let unknown = match me.trust_absent_key {
        true => Duration::ZERO,
        false => me.timing.lease,
    };
    let Some(bytes) = value else {
        return unknown;
    };
    match Record::decode(revision, bytes) {
        Ok(record) if record.vacant => unknown.min(record.lease()),
        Ok(record) if record.holder.is_none() || record.session == me.session => Duration::ZERO,
        Ok(record) => record.lease(),
        Err(_) => me.timing.lease,
    }
}

/// The terms of all processes.
#[derive(Default)]
pub(crate) struct Grants {
    /// The token of the latest term.
    pub(crate) top_token: u64,
    /// The revisions that terms have replaced, each with the number of its stream.
    replaced: BTreeSet<(u64, u64)>,
}

impl Grants {
    pub(crate) fn begins(&mut self, plan: Plan, token: u64, (epoch, expected): (u64, u64)) {
        if plan.promises_larger_tokens() {
            assert!(token > self.top_token, "{token} after {}", self.top_token);
        }
        self.top_token = self.top_token.max(token);
        if plan.promises_one_gate() {
            assert!(self.replaced.insert((epoch, expected)), "granted twice");
        }
    }
}

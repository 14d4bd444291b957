//! The next step with a shard, and the writes of its record.

use std::time::Duration;

use super::{
    action::Record,
    machine::Machine,
    ownership::{Held, Ownership},
    peers::{ME, Peer, Verdict},
    requests::{About, Purpose, Write},
    session_record::SessionId,
    shard::{Own, ShardContent, Term, Wanted},
};
use crate::{clock::Moment, lease::Outcome, shards::due::NEVER};

/// The next step with a shard.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// Only an input changes something.
    Rest,
    /// Until there is evidence of the death of a session, and no longer than this.
    WaitFor(Peer, Verdict, Moment),
    At(Moment, Do),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Do {
    Read,
    Mark,
    Claim(SessionId),
    Free(Term),
    StopDraining(Term),
}

impl Machine {
    fn shard_step(&self, now: Moment, shard: u32) -> Step {
        let state = &self.shards[shard as usize];
        if state.is_busy {
            return Step::Rest;
        }
        if state.is_reading {
            return Step::At(state.retry_at, Do::Read);
        }
        match state.own {
            Own::Draining(term, until) => return Step::At(until, Do::StopDraining(term)),
            Own::Freeing(term) => return Step::At(state.retry_at, Do::Free(term)),
            Own::Warming(_) | Own::Open(_) => return Step::Rest,
            Own::None => {}
        }
        let session = self.session.valid(now).filter(|_| self.leaving.is_none());
        let is_wanted = state.want == Wanted::Have;
        if let Some(carried) = state.carried()
            && carried < state.floor
        {
            // The next owner then knows the highest token. A node that does not want the shard leaves the others time to write
            // the mark.
            let pause = if is_wanted { 0 } else { 2 + state.delay_us % 4 };
            let at = state.first_seen + self.me.timing.lease / 8 * pause;
            return Step::At(at.max(state.retry_at), Do::Mark);
        }
        match (state.content, session) {
            // The others still see the record that was removed without a marker.
            (ShardContent::Absent, _) => return Step::At(state.retry_at, Do::Mark),
            (ShardContent::Unseen, _) if !self.watches.is_complete() => return Step::Rest,
            // In a new bucket, marks of shards are waited out together with those of sessions. Random delays make each
            // node start with other shards.
            (ShardContent::Unseen, None)
                if self.is_configured == Some(true) && self.leaving.is_none() =>
            {
                let delay = Duration::from_micros(u64::from(state.delay_us));
                return Step::At(state.retry_at.max(state.first_seen + delay), Do::Mark);
            }
            _ => {}
        }
        match session {
            Some(session) if is_wanted => self.claim_step(now, shard, session),
            Some(session) if state.is_held_by(session) => {
                // A claim of unknown outcome was applied, and is no longer wanted. It was never open.
                let (revision, token) = (state.revision, state.floor);
                Step::At(state.retry_at, Do::Free(Term { revision, token }))
            }
            _ => Step::Rest,
        }
    }

    /// R6.
    fn claim_step(&self, now: Moment, shard: u32, session: SessionId) -> Step {
        let state = &self.shards[shard as usize];
        let timing = &self.me.timing;
        let not_before = self.claims_from(shard).max(state.retry_at);
        let claim = |at: Moment| Step::At(at.max(not_before), Do::Claim(session));
        let delay = Duration::from_micros(u64::from(state.delay_us));
        match state.content {
            ShardContent::Unseen | ShardContent::Absent => Step::At(not_before, Do::Mark),
            ShardContent::Vacant { .. } | ShardContent::Marker | ShardContent::Garbage => {
                claim(timing.unknown_until(state.first_seen, timing.lease) + delay)
            }
            ShardContent::Free { wanted } => {
                // The hint of the last owner: the others go second.
                let others_first = wanted.is_some_and(|wanted| wanted != ME);
                let later = if others_first {
                    timing.campaign_delay
                } else {
                    Duration::ZERO
                };
                claim(state.first_seen + delay + later)
            }
            ShardContent::Held { .. } if state.is_held_by(session) => claim(now),
            ShardContent::Held {
                node,
                session: held,
                seen,
            } => {
                let verdict = self.peers[node].verdict(now, (held, seen), timing.lease);
                // A record that was removed without a marker is found by a read only.
                let read_at = state.first_seen.max(state.retry_at) + timing.lease;
                match verdict {
                    Verdict::Dead => claim(now),
                    Verdict::DeadAt(at) => Step::WaitFor(node, verdict, at),
                    Verdict::Alive | Verdict::NoEvidence if now >= read_at => {
                        Step::At(read_at, Do::Read)
                    }
                    Verdict::Alive | Verdict::NoEvidence => Step::WaitFor(node, verdict, read_at),
                }
            }
            ShardContent::Nameless => Step::Rest,
        }
    }

    fn claims_from(&self, shard: u32) -> Moment {
        let sat_out = self.sat_out.get(&shard);
        sat_out.map_or(Moment::default(), |(_, until)| *until)
    }

    pub(super) fn look_at_shard(&mut self, now: Moment, shard: u32) {
        let step = self.shard_step(now, shard);
        let due = match step {
            Step::Rest => NEVER,
            Step::At(at, _) if at > now => at,
            Step::At(..) => NEVER,
            Step::WaitFor(peer, verdict, at) => {
                self.wait_for(now, shard, peer, verdict);
                at
            }
        };
        self.plan_shard(shard, due);
        if let Step::At(at, what) = step
            && at <= now
        {
            self.act_on_shard(now, shard, what);
        }
    }

    /// Leaves a wish for evidence with a session.
    fn wait_for(&mut self, now: Moment, shard: u32, peer: Peer, verdict: Verdict) {
        let state = &mut self.peers[peer];
        let is_first = state.waiting.is_empty();
        state.waiting.insert(shard);
        let is_behind = verdict == Verdict::NoEvidence && state.behind_since.is_none();
        if is_behind {
            state.behind_since = Some(now);
        }
        if is_first || is_behind {
            self.plan_peer(peer, now);
        }
    }

    fn act_on_shard(&mut self, now: Moment, shard: u32, what: Do) {
        let state = &self.shards[shard as usize];
        let (revision, floor) = (state.revision, state.floor);
        match what {
            Do::Read => self.send_read(now, About::Shard(shard)),
            Do::Mark => {
                let expected = match state.content {
                    ShardContent::Unseen | ShardContent::Absent => 0,
                    _ => revision,
                };
                self.send_shard(
                    now,
                    shard,
                    (Purpose::Mark, expected),
                    Ownership::Vacant { floor },
                );
            }
            Do::Claim(session) => {
                // The time is in the record only, and not part of what is known: nodes would otherwise replace each
                // other's marks without end.
                let time = self.wall.map_or(0, |wall| wall.as_unix_ms() - 1);
                let held = Held {
                    node: self.me.id.clone(),
                    session,
                    seen: self.session.held().map_or(0, |held| held.revision),
                    token: 0,
                    floor: floor.max(time),
                };
                self.send_shard(
                    now,
                    shard,
                    (Purpose::Claim(session), revision),
                    Ownership::Held(held),
                );
            }
            Do::Free(term) => {
                let wanted = match state.want {
                    Wanted::Give(to) => to.map(|peer| self.peers[peer].id.clone()),
                    Wanted::Nothing | Wanted::Have => None,
                };
                let free = Ownership::Free {
                    wanted,
                    token: term.token,
                    floor,
                };
                self.send_shard(now, shard, (Purpose::Free, term.revision), free);
            }
            Do::StopDraining(term) => self.begin_free(now, shard, term),
        }
    }

    pub(super) fn handle_shard_written(
        &mut self,
        now: Moment,
        shard: u32,
        write: Write,
        outcome: Outcome,
    ) {
        let Record::Shard(record) = write.record else {
            return;
        };
        match outcome {
            Outcome::Acknowledged(revision) if revision <= write.expected => {
                self.handle_data_lost(now);
            }
            Outcome::Acknowledged(revision) => {
                let (content, token) = self.content_of(&record, revision);
                let term = Term { revision, token };
                match write.purpose {
                    Purpose::Claim(session) => self.take_claim(now, shard, session, term),
                    Purpose::Free => self.finish_free(shard, write.expected),
                    _ => {}
                }
                self.note_shard(now, shard, revision, (content, token));
                self.begin_term(now, shard, term);
            }
            Outcome::Conflict | Outcome::Unknown => {
                let state = &self.shards[shard as usize];
                let is_absent =
                    matches!(state.content, ShardContent::Absent | ShardContent::Unseen);
                if is_absent || state.revision <= write.expected {
                    self.pause_shard_if_repeated(now, shard);
                    self.read_later(now, About::Shard(shard));
                }
            }
            Outcome::Failed => {
                self.back_off_shard(now, shard);
                // On a new connection, the store writes a key only after it was read.
                self.read_later(now, About::Shard(shard));
            }
        }
    }

    fn pause_shard_if_repeated(&mut self, now: Moment, shard: u32) {
        if self.shards[shard as usize].failures > 0 {
            self.back_off_shard(now, shard);
        } else {
            self.shards[shard as usize].failures = 1;
        }
    }

    pub(super) fn back_off_shard(&mut self, now: Moment, shard: u32) {
        let state = &mut self.shards[shard as usize];
        state.failures = state.failures.saturating_add(1);
        let failures = u32::from(state.failures);
        state.retry_at = now + self.me.timing.retry_after(failures, &mut self.rng);
    }
}

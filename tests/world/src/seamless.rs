//! Requests around a hand-over. Clients send them to every node that is up, before, during and after it, and every
//! gate on their way holds and forwards them for long enough. G6 promises an answer to each.

use std::time::Duration;

use http::HeaderMap;

use crate::{
    body::Content,
    calls::Call,
    clock::MILLISECOND,
    fact::Fact,
    network::LONGEST_WAY,
    node::Node,
    world::{Event, World},
};

/// The longest pause of a gate between two attempts at one leader.
const LONGEST_PAUSE: u64 = 250 * MILLISECOND;

/// The longest time that the messages of a request take, on its way through a former leader and the next one.
const WAYS: u64 = 10 * LONGEST_WAY;

/// A hand-over that is planned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandOver {
    pub(crate) leader: usize,
    pub(crate) call: Call,
    pub(crate) at: u64,
    /// When the gate of the next leader is open at the latest.
    pub(crate) over: u64,
}

/// A request around a hand-over. It never fails in the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) pieces: u64,
    /// How long the service takes, in nanoseconds.
    pub(crate) stays: u64,
    /// How long a gate holds it.
    pub(crate) wait: Duration,
    /// How many bytes of its body a gate keeps, to send them again. None stands for the default.
    pub(crate) replay_limit: Option<usize>,
    /// The real time by which it must be answered, if its body is kept to be sent again.
    pub(crate) due: Option<u64>,
    /// How often a gate has forwarded it.
    forwarded: u64,
}

impl World {
    /// Whether G6 holds in a hand-over: a request can be forwarded to every node that may lead.
    pub(crate) fn has_targets(&self) -> bool {
        let is_candidate = |n: &&Node| n.is_candidate() && n.is_up();
        let mut candidates = self.nodes.iter().filter(is_candidate);
        candidates.all(|n| n.settings.address.is_some())
    }

    pub(crate) fn ask_around_hand_over(&mut self, hand_over: HandOver) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_up() && !self.nodes[node].is_leaving {
                self.plan_ask(node, hand_over);
            }
        }
    }

    fn plan_ask(&mut self, node: usize, hand_over: HandOver) {
        let HandOver {
            leader, at, over, ..
        } = hand_over;
        let sent = match self.choices.below(3) {
            0 => self.choices.u64(self.now..=at),
            1 => self.choices.u64(at..=at + WAYS),
            _ => self.choices.u64(at..=over),
        };
        let gaps = 4 * self.longest_gap(node);
        let held = over.max(sent) - sent + LONGEST_PAUSE + WAYS + gaps;
        let drain = self.nodes[leader].settings.timing.drain_timeout;
        let mut ask = Ask {
            pieces: self.choices.u64(0..=4),
            stays: match self.choices.below(4) {
                0 => self.choices.u64(0..=drain.as_nanos() as u64),
                _ => self.choices.u64(0..self.lease(node) / 50),
            },
            // On the fastest clock within the bound.
            wait: Duration::from_nanos(held * 5 / 4),
            replay_limit: match self.choices.one_in(8) {
                true => Some(self.choices.usize(0..30)),
                false => None,
            },
            due: None,
            forwarded: 0,
        };
        let is_replayed = ask.pieces == 0 || ask.replay_limit.is_none();
        let due = sent + held + ask.stays;
        ask.due = is_replayed.then_some(due);
        let number = self.number();
        self.asks.insert(number, ask);
        self.asks_until = self.asks_until.max(due);
        self.queue.push(sent, Event::Ask { node, number });
    }

    /// A request arrives at a node that takes part in the election.
    pub(crate) fn promise(&mut self, node: usize, request: u64, due: u64) {
        self.tally.promised += 1;
        self.say(node, || format!("request {request} arrives"));
        self.fact(node, &Fact::Promised { request, due });
    }

    /// A gate forwards a request.
    pub(crate) fn count_forwarded(&mut self, headers: &HeaderMap) {
        let number = Content::of(headers).map(|content| content.number);
        let Some(ask) = number.and_then(|number| self.asks.get_mut(&number)) else {
            return;
        };
        ask.forwarded += 1;
        if ask.forwarded == 2 {
            self.tally.sent_again += 1;
            self.tally.bodies_sent_again += u64::from(ask.pieces > 0);
        }
    }
}

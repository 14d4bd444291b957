//! Executes the actions of a machine, and checks that each is allowed.

use crate::{
    gate::Term,
    lease::{Action, Ended, Input, Notice, Record},
    script::Plan,
    world::{Ask, Cause, Request, World},
};

impl World {
    pub(crate) fn act(&mut self, node: usize, action: Action, cause: Cause) {
        let n = &mut self.nodes[node];
        match action {
            Action::Read { attempt } => self.request(node, attempt, Ask::Read),
            Action::Write {
                attempt,
                expected,
                record,
            } => {
                self.check_write(node, expected, &record);
                self.nodes[node].sent(attempt, expected, record.clone());
                self.request(node, attempt, Ask::Write(expected, record));
            }
            Action::Begin { token, deadline } => {
                assert!(n.term.is_none(), "a term began during another");
                let (attempt, revision) = cause
                    .acknowledged
                    .expect("a term requires an acknowledged write");
                let (expected, grant) = n.grant(attempt, revision);
                n.term = Some(Term::begin(token, deadline, n.clock, &grant));
                self.begin(node, token, expected);
            }
            Action::WarmUp => {
                let token = n.term.expect("a term").token;
                let session = n.session;
                self.post(node, session, Input::Warmed { token, ready: true });
            }
            Action::Open => {
                n.term.as_mut().expect("a term").open();
                n.failed_warm_ups = 0;
                self.progress += 1;
            }
            Action::Extend { deadline } => {
                let (attempt, revision) = cause
                    .acknowledged
                    .expect("an extension requires an acknowledged write");
                let mut term = n.term.expect("a term");
                term.extend(deadline, n.clock, &n.grant(attempt, revision).1);
                n.term = Some(term);
                self.progress += 1;
            }
            Action::Close => {
                // Without a term, there may be requests of earlier ones.
                if let Some(term) = &mut n.term {
                    term.close();
                }
                n.drain.close(n.clock);
            }
            Action::End { why } => self.end(node, why, cause),
            Action::Settled(_) => self.settled(node),
            Action::Notice(Notice::DataLost { .. }) => self.watch(node),
            Action::Notice(_) => {}
        }
    }

    fn request(&mut self, node: usize, attempt: u64, ask: Ask) {
        let session = self.nodes[node].session;
        self.requests.push(Request {
            node,
            session,
            attempt,
            ask,
            is_copy: false,
        });
    }

    fn check_write(&self, node: usize, expected: u64, record: &Record) {
        let n = &self.nodes[node];
        assert!(!n.me.observer, "an observer wrote");
        if record.holder.is_none() {
            assert!(n.term.is_none(), "released or marked during a term");
            if !record.vacant {
                n.drain.check_end(n.clock, n.me.timing.drain_timeout);
            }
        } else if record.token == 0 {
            n.sightings.check_takeover(expected, n.clock, &n.me);
        }
    }

    fn begin(&mut self, node: usize, token: u64, expected: u64) {
        let n = &mut self.nodes[node];
        assert!(token > n.top_token, "{token} after its own {}", n.top_token);
        n.top_token = token;
        n.evidence.begins();
        n.drain.reset();
        let replaced = (self.register.epoch, expected);
        self.grants.begins(self.plan, token, replaced);
    }

    fn end(&mut self, node: usize, why: Ended, cause: Cause) {
        let n = &mut self.nodes[node];
        let term = n.term.take().expect("no term");
        n.drain.term_ends();
        match why {
            Ended::Released => {
                assert!(term.is_closed(), "released before the gate closed");
                n.drain.check_end(n.clock, n.me.timing.drain_timeout);
            }
            Ended::Expired => assert!(cause.is_expired, "expired before the deadline"),
            Ended::Overwritten | Ended::Deleted | Ended::DataLost => {
                let is_just = n.evidence.justifies(why, n.session, &self.register);
                assert!(
                    is_just || self.plan == Plan::Lawless,
                    "the term ended as {why:?}, but the key is unchanged"
                );
            }
        }
    }

    fn settled(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        assert!(n.term.is_none(), "settled during a term");
        n.drain.check_end(n.clock, n.me.timing.drain_timeout);
        n.answers.settled();
        // A stopped machine answers each further call at once.
        if !n.machine.is_stopped() {
            n.drain.reset();
        }
        n.cool_until = n.clock + n.me.timing.cool_down(n.failed_warm_ups);
    }

    /// Reopens the watch, which first shows the current state of the key.
    pub(crate) fn watch(&mut self, node: usize) {
        self.nodes[node].is_deaf = false;
        self.push_to(node);
    }
}

//! Plays a script, step by step.

use crate::{
    lease::{Input, Outcome},
    script::{Run, Step},
    world::{Ask, World},
};

/// The longest run, in steps. Longer runs find nothing new.
const STEPS: usize = 400;

/// The time that a message takes without faults, in microseconds.
const HOP: u64 = 200;

/// More than the messages in flight and all that can follow from them.
const FLUSH: usize = 100_000;

/// Plays the run to its end.
///
/// # Panics
///
/// Panics if a promise does not hold.
pub fn play(run: Run) {
    let mut world = World::new(&run);
    for step in run.steps.into_iter().take(STEPS) {
        match world.is_smooth() {
            true => world.gentle_step(step),
            false => world.step(step),
        }
    }
    world.finale(run.two[0].seed);
}

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Pass(millis) => self.pass(u64::from(millis % 2000) * 1000),
            Step::Wake(node) => self.wake(self.node(node)),
            Step::Smooth(events) => (0..events).for_each(|_| self.smooth(|_| true)),
            Step::Alone(node, events) => {
                let node = self.node(node);
                (0..events % 32).for_each(|_| self.smooth(|other| other == node));
            }
            Step::Serve {
                request,
                stale,
                again,
            } => self.serve(request.into(), stale.into(), again),
            Step::LoseRequest(request) => drop(pick(&mut self.requests, request.into())),
            Step::Deliver { letter, again } => self.open(letter.into(), again),
            Step::LoseLetter(letter) => drop(pick(&mut self.letters, letter.into())),
            Step::HoldUpRequest(request, millis) => self.hold_up_request(request.into(), millis),
            Step::HoldUpLetter {
                letter,
                millis,
                again,
            } => self.hold_up_letter(letter.into(), millis, again),
            Step::Fail(request, is_definite) => self.fail(request.into(), is_definite),
            Step::FailWarmUp(node) => self.tell_term(node, |token| Input::Warmed {
                token,
                ready: false,
            }),
            Step::Expire(node) => self.tell_term(node, |token| Input::Expired { token }),
            Step::Admit(node) => self.admit(self.node(node)),
            Step::Leave(node, which) => self.leave(self.node(node), which.into()),
            Step::StepDown(node) => self.deliver(self.node(node), Input::StepDown),
            Step::Shutdown(node) => {
                let node = self.node(node);
                if self.may_die(node) {
                    self.deliver(node, Input::Shutdown);
                }
            }
            Step::Restart(node) => {
                let node = self.node(node);
                if self.may_die(node) {
                    self.restart(node);
                }
            }
            Step::Rate(node, rate) => {
                let node = self.node(node);
                self.nodes[node].set_rate(rate);
            }
            Step::Interfere(foreign) => self.interfere(foreign),
        }
    }

    /// A step without faults of the network or of the timing.
    fn gentle_step(&mut self, step: Step) {
        let events = match step {
            Step::Smooth(events) => events,
            Step::Alone(_, events) => events % 32,
            Step::Pass(_)
            | Step::Wake(_)
            | Step::Serve { .. }
            | Step::LoseRequest(_)
            | Step::Deliver { .. }
            | Step::LoseLetter(_)
            | Step::HoldUpRequest(..)
            | Step::HoldUpLetter { .. }
            | Step::Fail(..) => 1,
            other => return self.step(other),
        };
        (0..events).for_each(|_| self.smooth(|_| true));
    }

    fn node(&self, index: u8) -> usize {
        usize::from(index) % self.nodes.len()
    }

    fn wake(&mut self, node: usize) {
        if let Some(micros) = self.nodes[node].sleep() {
            self.pass(micros);
            self.deliver(node, Input::Tick);
        }
    }

    /// Serves the oldest request, or else delivers the oldest message, or else wakes the node that is due first.
    pub(crate) fn smooth(&mut self, takes_part: impl Fn(usize) -> bool) {
        self.let_go(self.now);
        if let Some(request) = self.requests.iter().position(|r| takes_part(r.node)) {
            self.pass(HOP);
            self.serve(request, 0, false);
        } else if let Some(letter) = self.letters.iter().position(|l| takes_part(l.0)) {
            self.pass(HOP);
            self.open(letter, false);
        } else if let Some((_, node)) = (0..self.nodes.len())
            .filter(|node| takes_part(*node))
            .filter_map(|node| Some((self.nodes[node].sleep()?, node)))
            .min()
        {
            self.wake(node);
        }
    }

    /// Delivers everything in flight at once.
    pub(crate) fn flush(&mut self) {
        self.let_go(u64::MAX);
        for _ in 0..FLUSH {
            if !self.requests.is_empty() {
                self.serve(0, 0, false);
            } else if !self.letters.is_empty() {
                self.open(0, false);
            } else {
                return;
            }
        }
        panic!("the exchange of messages does not end");
    }

    pub(crate) fn admit(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        if n.is_open()
            && let Some(term) = &n.term
        {
            n.drain.admit(term.token);
        }
    }

    pub(crate) fn leave(&mut self, node: usize, which: usize) {
        self.nodes[node].drain.leave(which);
        self.tell_drained(node);
    }

    fn serve(&mut self, index: usize, stale: usize, again: bool) {
        let Some(mut request) = pick(&mut self.requests, index) else {
            return;
        };
        let answer = match &request.ask {
            Ask::Read => Input::Read {
                attempt: request.attempt,
                seen: Some(self.register.read(stale)),
            },
            Ask::Write(expected, record) => {
                let outcome =
                    self.register
                        .compare_and_set(self.now, *expected, record, request.session);
                if matches!(outcome, Outcome::Acknowledged(_)) {
                    self.push();
                }
                let attempt = request.attempt;
                Input::Written { attempt, outcome }
            }
        };
        if request.is_copy && self.nodes[request.node].session == request.session {
            self.nodes[request.node].evidence.repeated(request.attempt);
        }
        self.post(request.node, request.session, answer);
        if again {
            request.is_copy = true;
            self.requests.push(request);
        }
    }

    fn open(&mut self, index: usize, again: bool) {
        let Some((node, session, input)) = pick(&mut self.letters, index) else {
            return;
        };
        if again {
            self.letters.push((node, session, input.clone()));
        }
        // The task does not listen for the end of a drain unless it waits for one.
        let is_due = !matches!(input, Input::Drained { .. }) || self.nodes[node].drain.is_done();
        if session == self.nodes[node].session && is_due {
            self.deliver(node, input);
        }
    }

    /// Fails a request. With an unknown outcome it stays in flight.
    fn fail(&mut self, index: usize, is_definite: bool) {
        let Some(request) = pick(&mut self.requests, index) else {
            return;
        };
        let attempt = request.attempt;
        let answer = match &request.ask {
            Ask::Read => Input::Read {
                attempt,
                seen: None,
            },
            Ask::Write(..) if is_definite && !request.is_copy => Input::Written {
                attempt,
                outcome: Outcome::Failed,
            },
            Ask::Write(..) => Input::Written {
                attempt,
                outcome: Outcome::Unknown,
            },
        };
        self.post(request.node, request.session, answer);
        if !is_definite {
            self.requests.push(request);
        }
    }

    fn tell_term(&mut self, node: u8, input: impl FnOnce(u64) -> Input) {
        let node = self.node(node);
        if let Some(term) = self.nodes[node].term {
            self.deliver(node, input(term.token));
        }
    }

    pub(crate) fn restart(&mut self, node: usize) {
        self.sessions += 1;
        let session = self.sessions;
        self.nodes[node].restart(session);
        self.deliver(node, Input::Tick);
    }
}

fn pick<T>(items: &mut Vec<T>, index: usize) -> Option<T> {
    let index = index.checked_rem(items.len())?;
    Some(items.remove(index))
}

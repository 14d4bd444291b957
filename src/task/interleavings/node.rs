use std::time::Duration;

use futures_util::FutureExt;
use loom::future::block_on;

use crate::{
    clock::FakeClock,
    lease::{Input, Status, TimeSettings},
    store::Memory,
    task::{driver::Driver, handle::LeaderHandle, start::Start},
};

/// The task of a candidate, driven one step at a time by the thread that owns it.
pub(super) struct Node {
    driver: Driver<Memory>,
    clock: FakeClock,
}

impl Node {
    /// Creates a follower that has read that the key is free.
    pub(super) fn new() -> (Self, LeaderHandle) {
        let clock = FakeClock::new();
        let time = TimeSettings {
            campaign_delay: Duration::ZERO,
            ..TimeSettings::default()
        };
        let start = Start {
            trust_absent_key: true,
            timing: time.timing().unwrap(),
            ..Start::for_tests(&clock)
        };
        let (mut driver, handle) = start.into_parts();
        driver.handle(Input::Tick);
        let mut node = Self { driver, clock };
        node.answer();
        (node, handle)
    }

    /// Wins the election and opens the gate.
    pub(super) fn lead(&mut self) {
        self.answer();
        assert!(self.leads());
    }

    /// Advances the clock to the next renewal.
    pub(super) fn wait_to_renew(&mut self) {
        let due = self.driver.machine.poll_timeout().unwrap();
        let now = self.clock.now();
        self.clock.advance_silently(due.saturating_since(now));
    }

    pub(super) fn renew(&mut self) {
        self.driver.handle(Input::Tick);
        self.answer();
        assert!(self.leads());
    }

    /// Closes the gate, waits for the requests in progress, releases the lease, and ends.
    pub(super) fn stop(mut self) {
        self.driver.handle(Input::Shutdown);
        while !self.driver.machine.is_stopped() {
            if let Some(until) = self.driver.follow_until {
                let now = self.clock.now();
                self.clock.advance_silently(until.saturating_since(now));
                self.driver.handle(Input::Tick);
                continue;
            }
            match self.driver.leaving.take() {
                Some(mut leaving) => {
                    let token = block_on(leaving.finished());
                    self.driver.handle(Input::Drained { token });
                }
                None => self.answer(),
            }
        }
    }

    fn leads(&self) -> bool {
        matches!(
            self.driver.machine.status(self.clock.now()),
            Status::Leader { .. }
        )
    }

    /// Takes the store's response to the request in progress.
    fn answer(&mut self) {
        let request = self.driver.request.as_mut().unwrap();
        let answer = request.answered().now_or_never().unwrap();
        let input = self.driver.answered(answer);
        self.driver.handle(input);
    }
}

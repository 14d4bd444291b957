use std::time::Duration;

use futures_util::FutureExt;
use loom::future::block_on;

use crate::{
    LeaderHandle,
    clock::FakeClock,
    config::Config,
    lease::{Input, Role},
    store::Memory,
    task::{self, driver::Driver},
};

/// The task of a candidate, one step at a time. The thread that has it is the one that it runs on.
pub(super) struct Node {
    driver: Driver<Memory>,
    clock: FakeClock,
}

impl Node {
    /// A follower that knows that the key is free.
    pub(super) fn new() -> (Self, LeaderHandle) {
        let mut config = Config::new("orders".to_owned(), "writer".to_owned());
        config.trust_absent_key = true;
        config.campaign_delay = Duration::ZERO;
        let timing = config.check().unwrap();
        let clock = FakeClock::new();
        let (mut driver, handle) =
            task::candidate(config, timing, Memory::new(), clock.clone().into(), None);
        driver.handle(Input::Tick);
        let mut node = Self { driver, clock };
        node.answer();
        (node, handle)
    }

    /// Wins the election, and opens the gate.
    pub(super) fn lead(&mut self) {
        self.answer();
        assert_eq!(self.driver.machine.role(), Role::Leading);
    }

    /// Lets the lease run as far as the next renewal.
    pub(super) fn wait_to_renew(&mut self) {
        let due = self.driver.machine.poll_timeout().unwrap();
        let now = self.clock.now();
        self.clock.advance_silently(due.saturating_since(now));
    }

    pub(super) fn renew(&mut self) {
        self.driver.handle(Input::Tick);
        self.answer();
        assert_eq!(self.driver.machine.role(), Role::Leading);
    }

    /// Shuts the gate, waits for who is inside, releases the lease, and ends.
    pub(super) fn stop(mut self) {
        self.driver.handle(Input::Shutdown);
        while self.driver.machine.role() != Role::Stopped {
            match self.driver.leaving.take() {
                Some(mut leaving) => {
                    let token = block_on(leaving.finished());
                    self.driver.handle(Input::Drained { token });
                }
                None => self.answer(),
            }
        }
    }

    /// The store answers the request that is under way.
    fn answer(&mut self) {
        let request = self.driver.request.as_mut().unwrap();
        let answer = request.answered().now_or_never().unwrap();
        let input = self.driver.answered(answer);
        self.driver.handle(input);
    }
}

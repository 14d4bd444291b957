use std::task::{Context, Poll, ready};

use tokio_util::sync::ReusableBoxFuture;

use crate::{lease::Status, sync::watch, task::NotLeader};

type Receiver = watch::Receiver<Status>;

/// How a gate of the elections `E` affects the readiness of a service. By default it does not.
pub trait Readiness<E> {
    /// Waits until the gate is open, or returns an error if it cannot open any more.
    #[inline]
    fn poll_open(&mut self, _: &E, _: &mut Context<'_>) -> Poll<Result<(), NotLeader>> {
        Poll::Ready(Ok(()))
    }

    /// Waits until [`poll_open`](Self::poll_open) has to be polled again.
    #[inline]
    fn poll_change(&mut self, _: &E, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

/// Waits for a gate to open. A clone starts a wait anew.
///
/// The status only signals when to check the gate again. It lags behind the gate, which closes by itself at its
/// deadline.
#[derive(Debug, Default)]
pub(super) struct Wait {
    /// The next change of the status.
    change: Option<ReusableBoxFuture<'static, (Receiver, bool)>>,
    stopped: bool,
}

impl Wait {
    /// Waits until the gate is open, or returns false if it cannot open any more.
    pub(super) fn poll_open(
        &mut self,
        is_open: impl Fn() -> bool,
        subscribe: impl Fn() -> Receiver,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        loop {
            if is_open() {
                return Poll::Ready(true);
            }
            if self.stopped {
                return Poll::Ready(false);
            }
            ready!(self.poll_change(&subscribe, cx));
        }
    }

    /// Waits until the status has changed since the last call.
    ///
    /// The first call counts as a change: the status may have changed before the subscription, so the caller has to
    /// check the gate once more.
    pub(super) fn poll_change(
        &mut self,
        subscribe: impl Fn() -> Receiver,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let (mut status, alive) = match &mut self.change {
            Some(change) => ready!(change.poll(cx)),
            None => (subscribe(), true),
        };
        self.stopped = !alive || *status.borrow_and_update() == Status::Stopped;
        let next = async move {
            let alive = status.changed().await.is_ok();
            (status, alive)
        };
        match &mut self.change {
            Some(change) => change.set(next),
            None => self.change = Some(ReusableBoxFuture::new(next)),
        }
        Poll::Ready(())
    }
}

impl Clone for Wait {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio_test::{assert_pending, assert_ready_eq, task};

    use super::*;
    use crate::names::FencingToken;

    const FOLLOWER: Status = Status::Follower { leader: None };

    const LEADER: Status = Status::Leader {
        token: FencingToken::ZERO,
    };

    /// A gate and its status. As in the background task, the gate changes first.
    struct Fake {
        open: Cell<bool>,
        status: watch::Sender<Status>,
    }

    impl Fake {
        fn new(status: Status) -> Self {
            Self {
                open: Cell::new(false),
                status: watch::Sender::new(status),
            }
        }

        fn open(&self) {
            self.open.set(true);
            self.status.send_replace(LEADER);
        }
    }

    fn poll(task: &mut task::Spawn<()>, wait: &mut Wait, fake: &Fake) -> Poll<bool> {
        task.enter(|cx, _| wait.poll_open(|| fake.open.get(), || fake.status.subscribe(), cx))
    }

    #[test]
    fn an_opening_before_subscribing_is_not_missed() {
        let (fake, mut wait) = (Fake::new(FOLLOWER), Wait::default());
        let gate = task::spawn(()).enter(|cx, _| {
            let subscribe = || {
                fake.open();
                fake.status.subscribe()
            };
            wait.poll_open(|| fake.open.get(), subscribe, cx)
        });
        assert_ready_eq!(gate, true);
    }

    #[test]
    fn an_opening_after_subscribing_is_not_missed() {
        let (fake, mut wait) = (Fake::new(FOLLOWER), Wait::default());
        let looks = Cell::new(0);
        let gate = task::spawn(()).enter(|cx, _| {
            let is_open = || {
                let open = fake.open.get();
                looks.set(looks.get() + 1);
                // The second check is the one after the subscription.
                if looks.get() == 2 {
                    fake.open();
                }
                open
            };
            wait.poll_open(is_open, || fake.status.subscribe(), cx)
        });
        assert_ready_eq!(gate, true);
    }

    #[test]
    fn a_lagging_status_does_not_end_the_wait() {
        let (fake, mut wait) = (Fake::new(LEADER), Wait::default());
        let mut task = task::spawn(());
        assert_pending!(poll(&mut task, &mut wait, &fake));
        fake.status.send_replace(FOLLOWER);
        assert!(task.is_woken());
        assert_pending!(poll(&mut task, &mut wait, &fake));
        fake.open();
        assert!(task.is_woken());
        assert_ready_eq!(poll(&mut task, &mut wait, &fake), true);
    }

    #[test]
    fn the_last_task_to_poll_is_woken() {
        let (fake, mut wait) = (Fake::new(FOLLOWER), Wait::default());
        let (mut first, mut second) = (task::spawn(()), task::spawn(()));
        assert_pending!(poll(&mut first, &mut wait, &fake));
        assert_pending!(poll(&mut second, &mut wait, &fake));
        fake.open();
        assert!(second.is_woken());
    }

    #[test]
    fn a_dropped_status_sender_counts_as_stopped() {
        let (fake, mut wait) = (Fake::new(Status::Stopped), Wait::default());
        assert_ready_eq!(poll(&mut task::spawn(()), &mut wait, &fake), false);

        let (fake, mut wait) = (Fake::new(FOLLOWER), Wait::default());
        let mut task = task::spawn(());
        assert_pending!(poll(&mut task, &mut wait, &fake));
        let Fake { open, status } = fake;
        drop(status);
        assert!(task.is_woken());
        let subscribe = || -> Receiver { unreachable!("already subscribed") };
        let gate = task.enter(|cx, _| wait.poll_open(|| open.get(), subscribe, cx));
        assert_ready_eq!(gate, false);
    }
}

use std::{
    future::{Future, poll_fn},
    pin::pin,
    time::Duration,
};

use crate::{clock::Clock, error::BoxError, task::Admission};

/// The default grace period.
pub(super) const GRACE_PERIOD: Duration = Duration::from_secs(5);

/// The minimum time between two runs of a closure.
pub(super) const PACE: Duration = Duration::from_secs(1);

/// Runs `work` under the term of the admission, and drops it once the gate has closed and the grace period has elapsed.
pub(super) async fn run_once<E: Into<BoxError>>(
    clock: &Clock,
    grace_period: Duration,
    admission: Admission,
    work: impl Future<Output = Result<(), E>>,
) -> Result<(), E> {
    let term = admission.term();
    let closing = term.closing();
    let mut working = pin!(work);
    // In a process that was paused, the background task may not have noticed the end of the term yet.
    let mut working = poll_fn(|cx| {
        if !term.is_current() {
            term.close();
        }
        working.as_mut().poll(cx)
    });
    let grace_elapsed = async {
        closing.cancelled().await;
        clock.sleep(grace_period).await;
    };
    let done = tokio::select! {
        biased;
        done = &mut working => Some(done),
        () = grace_elapsed => None,
    };
    if done.is_none() {
        tracing::warn!(
            ?grace_period,
            "grace period elapsed; dropping the leader's work"
        );
    }
    done.unwrap_or(Ok(()))
}

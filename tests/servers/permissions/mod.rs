//! The permissions in docs/nats.md are sufficient, and each of them is necessary.

mod enough;
mod missing;
mod observer;
pub(crate) mod page;
mod taken_away;

use std::time::Duration;

use noleader::{Builder, LeaderHandle};

/// A lease so long that within the bound of a test a follower sees only what is pushed: it reads the key every
/// third of a lease.
const LONG: Duration = Duration::from_secs(3600);

fn candidate(bucket: &str, id: &str) -> Builder {
    LeaderHandle::builder(bucket, "writer")
        .id(id)
        .lease(LONG)
        .renew_every(Duration::from_millis(200))
        .dangerous_trust_absent_key(true)
}

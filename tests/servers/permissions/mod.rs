//! The permissions in docs/nats.md are enough, and none of them is too many.

mod enough;
mod missing;
mod observer;
mod page;
mod taken_away;

use std::time::Duration;

use noleader::{Builder, LeaderHandle};

/// So long that whatever is not pushed is not seen within the bound of a test: a follower reads the key only
/// after a third of it.
const LONG: Duration = Duration::from_secs(3600);

fn candidate(bucket: &str, id: &str) -> Builder {
    LeaderHandle::builder(bucket, "writer")
        .id(id)
        .lease(LONG)
        .renew_every(Duration::from_millis(200))
        .dangerous_trust_absent_key(true)
}

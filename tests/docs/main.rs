//! The documentation: its links, the guide on docs.rs, and the lists of metrics and log events.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests panic when they fail"
)]

mod events;
mod guide;
mod links;
mod page;
mod source;

//! noleader
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
pub mod clock;
mod config;
mod error;
#[cfg(feature = "test-util")]
pub mod lease;
#[cfg(not(feature = "test-util"))]
mod lease;
mod middleware;
pub mod store;
mod task;

pub use self::{
    builder::Builder,
    error::{ConfigError, NotLeader, Reason, ReleaseError, StartError, Stopped},
    task::{Admission, LeaderHandle, LeaderInfo, Status, Term},
};

//! noleader
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
pub mod clock;
mod config;
mod error;
pub mod lease;
pub mod middleware;
pub mod store;
mod task;
mod worker;

pub use self::{
    builder::Builder,
    error::{ConfigError, NotLeader, Reason, ReleaseError, StartError, Stopped},
    middleware::{LeaderOnly, LeaderOnlyLayer},
    store::Storage,
    task::{Admission, LeaderHandle, LeaderInfo, Status, Term},
    worker::{Leader, RunError},
};

//! What threads share: the real thing, or a model of it that [loom](https://docs.rs/loom) can see through.
//!
//! `.ci/loom` compiles the library with `--cfg noleader_loom`, and then every order of the steps on these
//! types is tried, in `task/interleavings`. In any other build they are what their names say.

#[cfg(noleader_loom)]
mod model;

#[cfg(not(noleader_loom))]
pub(crate) use {
    arc_swap::ArcSwapOption,
    std::sync::{Mutex, MutexGuard, atomic::AtomicU64},
    tokio::sync::{Notify, futures::Notified, watch},
    tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned},
};

#[cfg(noleader_loom)]
pub(crate) use {
    self::model::{
        ArcSwapOption, CancellationToken, Notified, Notify, WaitForCancellationFutureOwned, watch,
    },
    loom::sync::{Mutex, MutexGuard, atomic::AtomicU64},
};

//! The types that threads share: the real types, or models of them for [loom](https://docs.rs/loom).
//!
//! `.ci/loom` compiles the library with `--cfg noleader_loom`. The tests in `task/interleavings` then try every order
//! of the operations on these types. Every other build uses the real types.

#[cfg(noleader_loom)]
mod model;

#[cfg(not(noleader_loom))]
pub(crate) use {
    arc_swap::ArcSwapOption,
    std::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64},
    },
    tokio::sync::{Notify, futures::Notified, watch},
    tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned},
};

#[cfg(noleader_loom)]
pub(crate) use {
    self::model::{
        ArcSwapOption, CancellationToken, Notified, Notify, WaitForCancellationFutureOwned, watch,
    },
    loom::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64},
    },
};

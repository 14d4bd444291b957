//! Models of types of arc-swap, tokio and tokio-util, with the part of their interfaces that the library uses.
//!
//! Each operation is one step that takes effect at once, and orders memory as documented for the real type. Whether the
//! real types keep their documentation is for their own tests. `Arc` is the real type in every build.
//!
//! - `cell`: a value with waiters, on which `cancellation`, `notify`, `swap` and `watch` are built.

mod cancellation;
mod cell;
mod notify;
mod swap;
pub(crate) mod watch;

pub(crate) use self::{
    cancellation::{CancellationToken, WaitForCancellationFutureOwned},
    notify::{Notified, Notify},
    swap::ArcSwapOption,
};

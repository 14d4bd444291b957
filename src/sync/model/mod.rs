//! Models of what arc-swap, tokio and tokio-util give, with the part of their interfaces that is used here.
//!
//! Each operation is one step, after which the others see it, and orders memory as its documentation
//! promises. That the real ones keep to it is theirs to test. `Arc` is the real one in either build.

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

//! A clock for tests (feature `test-util`).
//!
//! Pass a [`FakeClock`] to [`Builder::clock`](crate::Builder::clock), and keep the lease in a
//! [`Memory`](crate::store::Memory) store. With this feature the store also has faults.

pub use crate::clock::{FakeClock, Moment};

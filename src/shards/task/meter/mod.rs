//! The metrics of one node, emitted through the `metrics` facade with feature `metrics`.
//!
//! - `emitted`: the meter; `series`: the metrics, and the values of their labels.
//! - `stages`: what this node does with its shards; `requests`: the requests in progress.
//! - `absent`: the meter without the feature.

#[cfg(not(feature = "metrics"))]
mod absent;
#[cfg(feature = "metrics")]
mod emitted;
#[cfg(feature = "metrics")]
mod requests;
#[cfg(feature = "metrics")]
mod series;
#[cfg(feature = "metrics")]
mod stages;

#[cfg(not(feature = "metrics"))]
pub(super) use self::absent::Meter;
#[cfg(feature = "metrics")]
pub(super) use self::emitted::Meter;

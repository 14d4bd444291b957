//! Tests of the protocol: each rule by the exact list of actions that it returns.

mod claims;
mod copied_images;
mod forgotten;
mod harness;
mod leave;
mod moves;
mod sessions;
mod silence;

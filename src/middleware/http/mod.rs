//! HTTP and gRPC, as the follower actions need them.

pub(super) mod answer;
pub(super) mod body;
pub(super) mod client;
pub(super) mod client_info;
pub(super) mod failure;
pub(super) mod hop;
pub(super) mod mark;
pub(super) mod origin;
pub(super) mod reveal;
pub(super) mod target;
pub(super) mod tunnel;
pub(super) mod upgrade;
pub(super) mod upload;

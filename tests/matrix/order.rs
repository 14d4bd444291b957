//! The request that a client sends.

use crate::{answer::Answer, cell::Protocol, desk::Course, grpc_client, http};

pub(crate) struct Order {
    pub(crate) protocol: Protocol,
    /// The origin of the server.
    pub(crate) origin: String,
    /// Whether the request carries the mark of a forwarded one.
    pub(crate) is_marked: bool,
    pub(crate) course: Course,
}

impl Order {
    pub(crate) async fn send(self) -> Answer {
        if self.protocol.is_grpc() {
            grpc_client::send(&self).await
        } else {
            http::send(&self).await
        }
    }
}

//! What a client sends.

use crate::{answer::Answer, cell::Protocol, desk::Course, grpc_client, http};

pub(crate) struct Order {
    pub(crate) protocol: Protocol,
    /// The server that is asked.
    pub(crate) origin: String,
    /// Whether it says that a node has forwarded it.
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

//! The client with which a follower forwards: it reaches the other nodes over the network of the world.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response as HttpResponse};
use http_body::{Body, Frame};
use noleader::BoxError;
use tokio::sync::{mpsc, oneshot};
use tower::Service;

use crate::{
    body::RequestBody,
    host::Host,
    world::{Event, Order, World},
};

#[derive(Clone)]
pub(crate) struct Peer(pub(crate) Host);

/// The sender of a response. Dropping it breaks the connection. An error means that there was no connection.
pub(crate) type Reply = oneshot::Sender<Result<HttpResponse<PeerBody>, io::ErrorKind>>;

/// A forwarded request on its way.
pub(crate) struct Call {
    pub(crate) node: usize,
    pub(crate) request: Request<RequestBody>,
    pub(crate) reply: Reply,
}

/// The head of a response on its way.
pub(crate) struct Response {
    pub(crate) reply: Reply,
    pub(crate) response: HttpResponse<PeerBody>,
}

impl Response {
    pub(crate) fn arrive(self) {
        // The client may have gone.
        let _ = self.reply.send(Ok(self.response));
    }
}

impl World {
    /// Sends a request to the node that its address names, unless the connection breaks.
    fn send_call(&mut self, from: usize, request: Request<RequestBody>, reply: Reply) {
        let name = request
            .uri()
            .host()
            .and_then(|host| host.strip_prefix("node-"));
        let Some(node) = name.and_then(|name| name.parse().ok()) else {
            return;
        };
        self.count_forwarded(request.headers());
        if node < self.nodes.len() && !self.is_lost(from) && !self.is_cut(node) {
            let delay = self.delay(from);
            let call = Call {
                node,
                request,
                reply,
            };
            self.after(delay, Event::Call(Box::new(call)));
        }
    }

    /// The request arrives, if a server is there.
    pub(crate) fn serve_call(&mut self, call: Box<Call>) {
        let process = &self.nodes[call.node].process;
        if process.handle().is_some() && !process.serves_no_more {
            self.orders.push(Order::Serve(call));
        } else {
            // The client may have gone.
            let _ = call.reply.send(Err(io::ErrorKind::ConnectionRefused));
        }
    }

    pub(crate) fn send_response(&mut self, node: usize, response: Response) {
        if !self.is_lost(node) {
            let delay = self.delay(node);
            self.after(delay, Event::Respond(Box::new(response)));
        }
    }
}

impl Service<Request<RequestBody>> for Peer {
    type Response = HttpResponse<PeerBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse<PeerBody>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let (reply, response) = oneshot::channel();
        let node = self.0.node;
        let request = request.map(|body| body.upload(&self.0));
        self.0.with(|world| world.send_call(node, request, reply));
        Box::pin(async move {
            match response.await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(kind)) => Err(io::Error::from(kind).into()),
                Err(_) => Err("the connection broke".into()),
            }
        })
    }
}

/// What a peer sends after the head of its response.
pub(crate) enum Sent {
    End,
}

/// The body of a response from another node. It breaks when the process that sends it dies.
pub(crate) struct PeerBody(pub(crate) mpsc::UnboundedReceiver<Sent>);

impl Body for PeerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(match ready!(self.0.poll_recv(cx)) {
            Some(Sent::End) => None,
            None => Some(Err("the connection broke".into())),
        })
    }
}

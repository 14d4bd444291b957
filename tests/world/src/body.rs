//! The bodies of requests. A client sends a body in pieces, and a node that forwards it reads ahead of its peer.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Collected, combinators::UnsyncBoxBody};
use noleader::{BoxError, middleware::FromBody};
use tokio::sync::mpsc;

use crate::{host::Host, world::World};

/// The header with the number of a request.
pub(crate) const NUMBER: &str = "x-number";
/// The header with the number of pieces of its body.
pub(crate) const PIECES: &str = "x-pieces";
/// The trailer with the number of the request, in every other body.
const END: HeaderName = HeaderName::from_static("x-end");

/// The body of a request, as services and clients handle it.
#[derive(Default)]
pub(crate) struct RequestBody(UnsyncBoxBody<Bytes, BoxError>);

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

impl FromBody for RequestBody {
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self(UnsyncBoxBody::new(body))
    }
}

/// The content of a body. It follows from the headers of its request, so that the service can check it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub(crate) number: u64,
    pub(crate) pieces: u64,
}

impl Content {
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let header = |name| headers.get(name)?.to_str().ok()?.parse().ok();
        Some(Self {
            number: header(NUMBER)?,
            pieces: header(PIECES)?,
        })
    }

    fn piece(self, index: u64) -> Bytes {
        format!("{}.{index} ", self.number).into()
    }

    fn trailers(self) -> Option<HeaderMap> {
        let has_trailers = self.pieces > 0 && self.number.is_multiple_of(2);
        has_trailers.then(|| HeaderMap::from_iter([(END, HeaderValue::from(self.number))]))
    }

    fn is_whole(self, body: Collected<Bytes>) -> bool {
        let has_trailers = body.trailers() == self.trailers().as_ref();
        let pieces: Vec<_> = (0..self.pieces)
            .flat_map(|index| self.piece(index))
            .collect();
        has_trailers && body.to_bytes() == pieces
    }

    /// Reads the body in the service, to its end.
    ///
    /// # Errors
    ///
    /// The body breaks off.
    pub(crate) async fn read(self, host: &Host, body: RequestBody) -> Result<(), BoxError> {
        let body = body.collect().await?;
        if !self.is_whole(body) {
            host.with(|world| {
                let what = format!("request {} is executed with another body", self.number);
                world.violate("requests", what);
            });
        }
        Ok(())
    }
}

impl World {
    /// How many pieces the body of a request has.
    pub(crate) fn pieces(&mut self) -> u64 {
        match self.choices.one_in(4) {
            true => self.choices.u64(1..=4),
            false => 0,
        }
    }

    /// The longest pause between two pieces of a body that arrives at the node.
    pub(crate) fn longest_gap(&self, node: usize) -> u64 {
        self.lease(node) / 20
    }
}

/// A body that a client sends.
struct Sending {
    host: Host,
    content: Content,
    next: u64,
    /// The client disconnects before this piece.
    breaks_at: Option<u64>,
    gap: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl RequestBody {
    pub(crate) fn send(host: &Host, content: Content) -> Self {
        if content.pieces == 0 {
            return Self::default();
        }
        let breaks_at = host.with(|world| {
            let breaks = !world.is_calm && world.choices.one_in(20);
            breaks.then(|| world.choices.u64(0..=content.pieces))
        });
        Self(UnsyncBoxBody::new(Sending {
            host: host.clone(),
            content,
            next: 0,
            breaks_at: breaks_at.flatten(),
            gap: None,
        }))
    }
}

impl Sending {
    /// One piece in four keeps the next one waiting.
    fn plan_gap(&mut self) {
        let gap = self.host.with(|world| {
            let longest = world.longest_gap(self.host.node);
            let waits = world.choices.one_in(4);
            waits.then(|| world.choices.u64(0..=longest))
        });
        self.gap = gap.flatten().map(|gap| Box::pin(self.host.sleep(gap)) as _);
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(gap) = &mut self.gap {
            ready!(gap.as_mut().poll(cx));
            self.gap = None;
        }
        let (index, content) = (self.next, self.content);
        self.next += 1;
        Poll::Ready(if self.breaks_at == Some(index) {
            Some(Err("the client has disconnected".into()))
        } else if index < content.pieces {
            self.plan_gap();
            Some(Ok(Frame::data(content.piece(index))))
        } else {
            let trailers = content.trailers().filter(|_| index == content.pieces);
            trailers.map(|trailers| Ok(Frame::trailers(trailers)))
        })
    }
}

/// A body on the connection to another node. `None` is its end.
struct Receiving(mpsc::Receiver<Option<Frame<Bytes>>>);

impl RequestBody {
    /// Sends the body to another node, as far ahead of its reader as the connection allows, and as long as the
    /// connection lasts.
    pub(crate) fn upload(self, host: &Host) -> Self {
        if self.is_end_stream() {
            return self;
        }
        let ahead = host.with(|world| world.choices.usize(1..=4)).unwrap_or(1);
        let (sender, receiver) = mpsc::channel(ahead);
        host.fragile("upload", upload(self, sender));
        Self(UnsyncBoxBody::new(Receiving(receiver)))
    }
}

/// Ends early, without the end of the body, if the body breaks off or if the peer drops the request. It does not watch
/// the connection: the body of an attempt must end by itself once the request is sent again.
async fn upload(mut body: RequestBody, sender: mpsc::Sender<Option<Frame<Bytes>>>) {
    loop {
        let frame = match body.frame().await {
            Some(Ok(frame)) => Some(frame),
            Some(Err(_)) => return,
            None => None,
        };
        let is_end = frame.is_none();
        if sender.send(frame).await.is_err() || is_end {
            return;
        }
    }
}

impl Body for Receiving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(match ready!(self.0.poll_recv(cx)) {
            Some(frame) => frame.map(Ok),
            None => Some(Err("the connection broke".into())),
        })
    }
}

//! The service behind the gate. A request takes a while, writes to the storage, and may have a body that ends late.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use noleader::{BoxError, NotLeader, Term, middleware::FromBody};
use tower::Service;

use crate::{
    fact::Fact,
    host::Host,
    journal::nanos,
    storage::StoredBy,
    world::{Event, World},
};

/// The body of a request. It is read by nobody.
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
}

impl FromBody for RequestBody {
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self(UnsyncBoxBody::new(body))
    }
}

/// The header with the number of a request.
pub(crate) const NUMBER: &str = "x-number";

#[derive(Clone)]
pub(crate) struct App {
    host: Host,
    /// Whether the gate is that of `fail()`, for any service: it adds no term to a request, and does not see the body.
    is_plain: bool,
}

impl App {
    pub(crate) fn new(host: &Host) -> Self {
        Self {
            host: host.clone(),
            is_plain: false,
        }
    }

    /// An app behind a gate for any service.
    pub(crate) fn plain(host: &Host) -> Self {
        Self {
            is_plain: true,
            ..Self::new(host)
        }
    }
}

#[derive(Debug)]
pub(crate) enum AppError {
    NotLeader,
    Failed,
}

impl From<NotLeader> for AppError {
    fn from(_: NotLeader) -> Self {
        Self::NotLeader
    }
}

/// How long a request takes, in nanoseconds.
#[derive(Default)]
struct Plan {
    stays: u64,
    body: u64,
    fails: bool,
}

impl World {
    fn plan_request(&mut self, node: usize) -> Plan {
        Plan {
            stays: self.stay(node),
            body: match self.choices.one_in(3) {
                true => self.stay(node),
                false => 0,
            },
            fails: self.choices.one_in(10),
        }
    }

    /// How long admitted work takes.
    pub(crate) fn stay(&mut self, node: usize) -> u64 {
        let drain = nanos(self.nodes[node].settings.timing.drain_timeout);
        let lease = self.lease(node);
        match self.choices.below(4) {
            0 => self.choices.u64(0..=2 * drain),
            1 => self.choices.u64(0..lease),
            _ => self.choices.u64(0..lease / 50),
        }
    }

    /// Work that was admitted under `token` writes to the storage. The write may arrive very late.
    pub(crate) fn send_to_storage(&mut self, node: usize, token: u64) {
        let delay = self.delay(node);
        let session = self.nodes[node].process.session;
        let by = StoredBy {
            token,
            node,
            session,
        };
        self.after(delay, Event::Store(by));
    }
}

impl Service<Request<RequestBody>> for App {
    type Response = Response<AppBody>;
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<AppBody>, AppError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AppError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let host = self.host.clone();
        let number = request.headers().get(NUMBER);
        let number = number.and_then(|number| number.to_str().ok()?.parse().ok());
        let term = request.extensions().get::<Term>().cloned();
        // A request that the layer lets pass without an admission has no term.
        let is_admitted = self.is_plain || term.is_some();
        let inside = is_admitted.then(|| Inside::enter(&host));
        if let Some(number) = number.filter(|_| is_admitted) {
            host.fact(&Fact::Executed { request: number });
        }
        let plan = host.with(|world| world.plan_request(host.node));
        let plan = plan.unwrap_or_default();
        let is_plain = self.is_plain;
        Box::pin(async move {
            host.sleep(plan.stays).await;
            if let Some(term) = term {
                host.with(|world| world.send_to_storage(host.node, term.token().into()));
            }
            if plan.fails {
                return Err(AppError::Failed);
            }
            let ends = Box::pin(host.sleep(plan.body));
            let inside = inside.filter(|_| !is_plain);
            Ok(Response::new(AppBody { ends, inside }))
        })
    }
}

/// An admitted request or piece of work that is in progress.
pub(crate) struct Inside(Host);

impl Inside {
    pub(crate) fn enter(host: &Host) -> Self {
        host.with(|world| {
            world.nodes[host.node].process.inside += 1;
            let now = world.nodes[host.node].shown.now();
            world.say(host.node, || "admits a request".to_owned());
            world.fact(host.node, &Fact::Admitted { now });
        });
        Self(host.clone())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.with(|world| {
            world.nodes[self.0.node].process.inside -= 1;
            world.fact(self.0.node, &Fact::Left);
        });
    }
}

/// A body without data that ends late.
pub(crate) struct AppBody {
    ends: Pin<Box<dyn Future<Output = ()> + Send>>,
    inside: Option<Inside>,
}

impl AppBody {
    pub(crate) fn empty() -> Self {
        Self {
            ends: Box::pin(std::future::ready(())),
            inside: None,
        }
    }
}

impl Body for AppBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        std::task::ready!(self.ends.as_mut().poll(cx));
        self.inside = None;
        Poll::Ready(None)
    }
}

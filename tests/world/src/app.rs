//! The service behind the gate. A request takes a while, reads its body, writes to the storage, and may have a response
//! body that ends late.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use noleader::{BoxError, NotLeader, Term};
use tower::Service;

use crate::{
    body::{Content, RequestBody},
    fact::Fact,
    host::Host,
    journal::nanos,
    storage::StoredBy,
    world::{Event, World},
};

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

/// The body of the request breaks off.
impl From<BoxError> for AppError {
    fn from(_: BoxError) -> Self {
        Self::Failed
    }
}

/// How long a request takes, in nanoseconds.
#[derive(Default)]
struct Plan {
    stays: u64,
    body: u64,
    fails: bool,
    /// It reads the body of the request only after its stay.
    reads_late: bool,
}

impl World {
    fn plan_request(&mut self, node: usize, request: Option<u64>) -> Plan {
        let reads_late = self.choices.one_in(4);
        if let Some(ask) = request.and_then(|request| self.asks.get(&request)) {
            return Plan {
                stays: ask.stays,
                reads_late,
                ..Plan::default()
            };
        }
        Plan {
            reads_late,
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
        let content = Content::of(request.headers());
        let number = content.map(|content| content.number);
        let term = request.extensions().get::<Term>().cloned();
        // A request that the layer lets pass without an admission has no term.
        let is_admitted = self.is_plain || term.is_some();
        let inside = is_admitted.then(|| Inside::enter(&host));
        if let Some(number) = number.filter(|_| is_admitted) {
            host.fact(&Fact::Executed { request: number });
        }
        let plan = host.with(|world| world.plan_request(host.node, number));
        let plan = plan.unwrap_or_default();
        let is_plain = self.is_plain;
        let host_of_body = host.clone();
        let read = async move {
            match content {
                Some(content) => content.read(&host_of_body, request.into_body()).await,
                None => Ok(()),
            }
        };
        Box::pin(async move {
            if plan.reads_late {
                host.sleep(plan.stays).await;
                read.await?;
            } else {
                read.await?;
                host.sleep(plan.stays).await;
            }
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

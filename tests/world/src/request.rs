//! Requests to a node: through the layer with any follower action, admissions by the handle, and reads of the gate.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body::Body;
use http_body_util::BodyExt;
use noleader::{BoxError, LeaderHandle, LeaderOnlyLayer, Status};
use tokio::sync::mpsc;
use tower::{Layer, Service, ServiceExt};

use crate::{
    app::{App, AppBody, AppError, Inside},
    body::{Content, NUMBER, PIECES, RequestBody},
    clock::MICROSECOND,
    fact::Fact,
    host::{Host, Shared},
    network::LONGEST_WAY,
    peer::{self, Call, Peer, PeerBody, Sent},
    seamless::Ask,
    world::{Event, Order, World},
};

/// How a node handles a request that it does not admit.
#[derive(Clone, Copy, Debug)]
enum Action {
    Reject,
    RejectWith,
    Redirect,
    Forward,
    Wait,
    WaitThenForward,
    NotReady,
    Fail,
    CancelOnLoss,
    MinRemaining,
    WritesOnly,
    /// Holds and forwards a request around a hand-over.
    HoldAndForward(Ask),
}

/// The outcome of a request, as its client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Executed,
    /// The response says that the request was not executed.
    Refused,
    Unknown,
}

impl World {
    /// Plans a request just before, at, or after a deadline.
    pub(crate) fn ask_around(&mut self, node: usize, deadline: u64) {
        if self.choices.one_in(4) {
            let at = match self.choices.below(4) {
                0 => deadline - 1,
                1 => deadline,
                2 => deadline + 1,
                _ => deadline + self.choices.u64(0..100 * MICROSECOND),
            };
            self.queue.push(at.max(self.now), Event::Request { node });
        }
    }

    /// A reader checks whether the node leads, and a request may arrive.
    pub(crate) fn request(&mut self, node: usize) {
        self.look(node);
        let runs = self.nodes[node].paused_until <= self.now && self.nodes[node].is_up();
        if runs && !self.choices.one_in(3) {
            self.orders.push(Order::Request { node });
        }
    }

    /// A reader checks the gate and the published status.
    pub(crate) fn look(&mut self, node: usize) {
        let n = &self.nodes[node];
        let Some(handle) = n.process.handle().filter(|_| n.paused_until <= self.now) else {
            return;
        };
        let now = n.clock.local(self.now);
        let is_due = n.pending > 0 || n.shown.next_timer().is_some_and(|due| due <= now);
        n.sync(self.now);
        if let Some(term) = handle.term() {
            self.fact(node, &Fact::Admitted { now });
            self.fact(node, &Fact::Left);
            if term.closing().is_cancelled() || term.cancellation().is_cancelled() {
                self.violate("waiters", "an open term was signalled to end".to_owned());
            }
        } else {
            self.found_shut(node);
        }
        let n = &self.nodes[node];
        // After a pause the task needs a moment to run.
        let runs = self.now > n.task_runs_from() + 2 * LONGEST_WAY;
        if is_due || n.process.is_mid_turn || !runs {
            return;
        }
        let published = handle.watch().borrow().clone();
        let looked = Fact::Looked {
            published: &published,
            is: &handle.status(),
        };
        self.fact(node, &looked);
    }

    pub(crate) fn found_shut(&mut self, node: usize) {
        let gate = &mut self.nodes[node].process.gate;
        if gate.is_open {
            gate.was_found_shut = true;
            self.fact(node, &Fact::FoundShut);
        }
    }
}

/// A client's request arrives at the node.
pub(crate) fn arrive(shared: &Shared, node: usize) {
    let session = shared.lock().nodes[node].process.session;
    let host = Host::new(shared.clone(), node, session);
    let Some(Some(handle)) = host.with(|world| world.nodes[node].process.handle()) else {
        return;
    };
    let through = host.with(|world| world.choices.one_in(4));
    match through {
        Some(false) => host.fragile("request", through_the_gate(host.clone(), handle)),
        _ => host.fragile("admission", admitted(host.clone(), handle)),
    }
}

/// A request that another node has forwarded arrives.
pub(crate) fn serve(shared: &Shared, call: Call) {
    let session = shared.lock().nodes[call.node].process.session;
    let host = Host::new(shared.clone(), call.node, session);
    let Some(Some(handle)) = host.with(|world| world.nodes[call.node].process.handle()) else {
        return;
    };
    let own = host.clone();
    own.fragile("forwarded request", async move {
        let action = choose_for(&host, call.request.headers());
        let (sender, body) = mpsc::unbounded_channel();
        let answered = answer(&host, handle, action, call.request);
        let Ok(response) = pin!(answered).await else {
            // Dropping the reply breaks the connection.
            return;
        };
        let (parts, rest) = response.into_parts();
        let head = peer::Response {
            reply: call.reply,
            response: Response::from_parts(parts, PeerBody(body)),
        };
        host.with(|world| world.send_response(host.node, head));
        if rest.collect().await.is_ok() {
            let _ = sender.send(Sent::End);
        }
    });
}

fn choose(host: &Host) -> Action {
    let action = host.with(|world| {
        world.choices.pick([
            Action::Reject,
            Action::RejectWith,
            Action::Redirect,
            Action::Forward,
            Action::Forward,
            Action::Wait,
            Action::WaitThenForward,
            Action::NotReady,
            Action::Fail,
            Action::CancelOnLoss,
            Action::MinRemaining,
            Action::WritesOnly,
        ])
    });
    action.unwrap_or(Action::Reject)
}

/// How a node handles a forwarded request. Around a hand-over, the gate is that of the other nodes, or one that rejects
/// at once, as forwarded requests are not forwarded again.
fn choose_for(host: &Host, headers: &HeaderMap) -> Action {
    let ask = Content::of(headers).and_then(|content| {
        let ask = host.with(|world| world.asks.get(&content.number).copied());
        ask.flatten()
    });
    let Some(ask) = ask else {
        return choose(host);
    };
    let action = host.with(|world| match world.choices.below(8) {
        0 => Action::Reject,
        1 => Action::Redirect,
        2 => Action::Forward,
        _ => Action::HoldAndForward(ask),
    });
    action.unwrap_or(Action::Reject)
}

/// Work that was admitted by the handle itself.
async fn admitted(host: Host, handle: LeaderHandle) {
    let Ok(admission) = handle.admit() else {
        host.with(|world| world.found_shut(host.node));
        return;
    };
    let inside = Inside::enter(&host);
    drop(handle);
    let stays = host.with(|world| world.stay(host.node)).unwrap_or(0);
    host.sleep(stays).await;
    let term = admission.term();
    host.with(|world| world.send_to_storage(host.node, term.token().into()));
    host.check_signal(term);
    drop((inside, admission));
}

async fn through_the_gate(host: Host, handle: LeaderHandle) {
    let Some(number) = host.with(World::number) else {
        return;
    };
    let method = match host.with(|world| world.choices.one_in(8)) {
        Some(true) => Method::GET,
        _ => Method::POST,
    };
    let pieces = host.with(World::pieces).unwrap_or(0);
    let Some(request) = make(&host, method, Content { number, pieces }) else {
        return;
    };
    let action = choose(&host);
    // Under faults it may fail.
    let _ = send(&host, handle, action, number, request).await;
}

/// A client's request around a hand-over arrives at the node.
pub(crate) fn ask(shared: &Shared, node: usize, number: u64) {
    let session = shared.lock().nodes[node].process.session;
    let host = Host::new(shared.clone(), node, session);
    let found = host.with(|world| {
        let handle = world.nodes[node].process.handle()?;
        Some((handle, *world.asks.get(&number)?))
    });
    let Some(Some((handle, ask))) = found else {
        // The node has left.
        shared.lock().asks.remove(&number);
        return;
    };
    let own = host.clone();
    host.fragile("request around a hand-over", async move {
        let content = Content {
            number,
            pieces: ask.pieces,
        };
        let Some(request) = make(&own, Method::POST, content) else {
            return;
        };
        let action = Action::HoldAndForward(ask);
        // A node that has left rejects requests, unless it knows the next leader.
        if let Some(due) = ask.due.filter(|_| handle.status() != Status::Stopped) {
            own.with(|world| world.promise(node, number, due));
        }
        let failure = send(&own, handle, action, number, request).await.err();
        let replied = Fact::Replied {
            request: number,
            failure: failure.as_deref(),
        };
        own.fact(&replied);
        own.with(|world| world.asks.remove(&number));
    });
}

fn make(host: &Host, method: Method, content: Content) -> Option<Request<RequestBody>> {
    let request = Request::builder()
        .method(method)
        .uri("http://service/orders")
        .header(NUMBER, content.number)
        .header(PIECES, content.pieces);
    let request = match host.with(|world| world.choices.one_in(4)) {
        Some(true) => request.header(CONTENT_TYPE, "application/grpc"),
        _ => request,
    };
    request.body(RequestBody::send(host, content)).ok()
}

/// Sends a request through the gate of this node, and reads its response to the end.
///
/// # Errors
///
/// The response or its body is not a success.
async fn send(
    host: &Host,
    handle: LeaderHandle,
    action: Action,
    number: u64,
    request: Request<RequestBody>,
) -> Result<(), String> {
    let answered = answer(host, handle, action, request).await;
    let outcome = match &answered {
        Ok(response) => outcome_of(response.status(), response.headers()),
        Err(AppError::NotLeader) => Outcome::Refused,
        Err(AppError::Failed) => Outcome::Unknown,
    };
    host.with(|world| {
        world
            .tally
            .count(outcome == Outcome::Executed, outcome == Outcome::Refused);
        world.say(host.node, || {
            format!("request {number} with {action:?}: {outcome:?}")
        });
    });
    if outcome == Outcome::Refused {
        host.fact(&Fact::Refused { request: number });
    }
    let response = answered.map_err(|error| format!("{error:?}"))?;
    let (head, body) = response.into_parts();
    let read = body.collect().await;
    if outcome != Outcome::Executed {
        let reason = head.headers.get("noleader-reason");
        return Err(format!("{} and the reason {reason:?}", head.status));
    }
    // The body may break.
    read.map_err(|error| error.to_string())?;
    Ok(())
}

fn outcome_of(status: StatusCode, headers: &HeaderMap) -> Outcome {
    // docs/actions.md documents this for clients.
    let may_retry = [RETRY_AFTER.as_str(), "grpc-retry-pushback-ms"];
    let may_retry = may_retry.iter().any(|name| headers.contains_key(*name));
    match status {
        _ if headers.contains_key("noleader-reason") && may_retry => Outcome::Refused,
        StatusCode::TEMPORARY_REDIRECT => Outcome::Refused,
        StatusCode::OK if !headers.contains_key("grpc-status") => Outcome::Executed,
        _ => Outcome::Unknown,
    }
}

type Answered = Result<Response<AnyBody>, AppError>;
type AnyBody = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

/// Calls the app through the gate of this node.
async fn answer(
    host: &Host,
    handle: LeaderHandle,
    action: Action,
    request: Request<RequestBody>,
) -> Answered {
    let app = App::new(host);
    let lease = host.with(|world| world.lease(host.node)).unwrap_or(0);
    let at_most = Duration::from_nanos(lease);
    let layer = LeaderOnlyLayer::new(handle);
    let peer = Peer(host.clone());
    match action {
        Action::Reject => call(host, layer.layer(app), request).await,
        Action::RejectWith => {
            let layer = layer.reject_with(|_, _: Request<RequestBody>| {
                let mut response = Response::new(AppBody::empty());
                let reason = HeaderValue::from_static("custom");
                response.headers_mut().insert("noleader-reason", reason);
                let later = HeaderValue::from_static("1");
                response.headers_mut().insert(RETRY_AFTER, later);
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                response
            });
            call(host, layer.layer(app), request).await
        }
        Action::Redirect => call(host, layer.redirect().layer(app), request).await,
        Action::Forward => {
            let layer = layer.forward(peer).forward_timeout(at_most);
            call(host, layer.layer(app), request).await
        }
        Action::Wait => call(host, layer.wait_up_to(at_most).layer(app), request).await,
        Action::WaitThenForward => {
            let layer = layer.wait_up_to(at_most).forward(peer);
            call(host, layer.layer(app), request).await
        }
        Action::NotReady => call(host, layer.not_ready().layer(app), request).await,
        Action::Fail => call(host, layer.fail().layer(App::plain(host)), request).await,
        Action::CancelOnLoss => {
            let layer = layer.cancel_on_loss().forward(peer);
            call(host, layer.layer(app), request).await
        }
        Action::MinRemaining => {
            let layer = layer.min_remaining(at_most / 4);
            call(host, layer.layer(app), request).await
        }
        Action::WritesOnly => call(host, layer.writes_only().layer(app), request).await,
        Action::HoldAndForward(ask) => {
            let layer = layer.wait_up_to(ask.wait).forward(peer);
            let layer = match ask.replay_limit {
                Some(limit) => layer.replay_limit(limit),
                None => layer,
            };
            call(host, layer.layer(app), request).await
        }
    }
}

async fn call<S, B>(host: &Host, mut service: S, request: Request<RequestBody>) -> Answered
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = AppError>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    service.ready().await?;
    let mut response = Box::pin(service.call(request));
    let answered = response.as_mut().await;
    // Some callers keep a future that has failed. It must not hold an admission meanwhile.
    if answered.is_err() && host.with(|world| world.choices.bool()) == Some(true) {
        let lease = host.with(|world| world.lease(host.node)).unwrap_or(0);
        host.sleep(lease).await;
    }
    let response = answered?;
    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
}

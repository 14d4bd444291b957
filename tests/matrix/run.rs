//! Checks a cell.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tokio::task::JoinHandle;

use crate::{
    answer::Answer,
    cell::{Action, Cell, State, Then},
    desk::{Course, Step},
    expect::Expect,
    grpc_client, http,
    node::{NOTHING_HAPPENED, settle, soon},
    order::{ATTEMPT, Order},
    scene::Scene,
};

const RUNS: &str = "runs of handlers: on a, on b, and dropped";

impl Action {
    /// Checks all cells, and lists those that differ.
    pub(crate) async fn check(&self, count: usize) {
        let cells = self.cells();
        let mut wrong = Vec::new();
        for cell in &cells {
            if let Err(panic) = AssertUnwindSafe(check(cell)).catch_unwind().await {
                let text = text(&*panic);
                wrong.push(format!("{cell}\n{text}"));
                // Each such cell takes a minute.
                if text.starts_with(NOTHING_HAPPENED) {
                    break;
                }
            }
        }
        let (of, list) = (cells.len(), wrong.join("\n\n"));
        assert!(
            wrong.is_empty(),
            "{} of {of} cells differ:\n\n{list}",
            wrong.len()
        );
        assert_eq!(of, count, "the number of cells has changed");
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a panic without a text",
    }
}

async fn check(cell: &Cell<'_>) {
    let course = Course::default();
    let mut scene = Scene::set(cell, &course).await;
    let order = Order {
        protocol: cell.protocol,
        origin: scene.origin.clone(),
        is_marked: cell.state == State::Marked,
        course: course.clone(),
    };
    let answer = tokio::spawn(order.send());

    let loses_after = match cell.state {
        State::LostBeforeHead | State::LeaderLosesBeforeHead => Some(Step::Begun),
        State::LostAfterHead | State::LeaderLosesAfterHead => Some(Step::Received),
        _ => None,
    };
    if let Some(step) = loses_after {
        soon(course.until(step)).await;
        scene.lose().await;
    }
    course.made(Step::GoesOn);
    if cell.then != Then::AtOnce {
        is_held(cell, &scene, &course, &answer).await;
        scene.go_on().await;
    }
    if cell.expect == Expect::Parked {
        is_held(cell, &scene, &course, &answer).await;
        scene.stop().await;
    }
    let mut expected = cell.expect.answer(cell.protocol, &scene.facts);
    if cell.state == State::Marked {
        expected = expected.refusing(ATTEMPT);
    }
    assert_eq!(soon(answer).await.unwrap(), expected);
    assert_eq!(scene.runs(), cell.expect.runs(), "{RUNS}");

    if cell.expect == Expect::Http307 {
        follow(cell, &scene, &course).await;
    }
}

/// Checks that the layer holds the request while the server responds to another one.
async fn is_held(cell: &Cell<'_>, scene: &Scene<'_>, course: &Course, answer: &JoinHandle<Answer>) {
    soon(course.until(Step::Arrived)).await;
    soon(async {
        if cell.protocol.is_grpc() {
            grpc_client::ask_ungated(&scene.origin).await;
        } else {
            http::ask_ungated(cell.protocol, &scene.origin).await;
        }
    })
    .await;
    settle().await;
    assert!(!answer.is_finished(), "the request was not held");
    assert_eq!(scene.runs(), (0, 0, 0));
}

/// Follows the redirect, and checks that the leader serves the request.
async fn follow(cell: &Cell<'_>, scene: &Scene<'_>, course: &Course) {
    let order = Order {
        protocol: cell.protocol,
        origin: scene.facts.leader.clone(),
        is_marked: false,
        course: course.clone(),
    };
    let expect = Expect::Forwarded(&Expect::Served);
    let expected = expect.answer(cell.protocol, &scene.facts);
    assert_eq!(soon(order.send()).await, expected);
    assert_eq!(scene.runs(), expect.runs(), "{RUNS}");
}

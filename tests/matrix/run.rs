//! How a cell is checked.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tokio::task::JoinHandle;

use crate::{
    answer::Answer,
    cell::{Action, Cell, Protocol, State, Then},
    desk::{Course, Step},
    expect::Expect,
    grpc_client, http,
    node::{settle, soon},
    scene::Scene,
};

const RUNS: &str = "runs of handlers: of a, of b, and cut off";

impl Action {
    /// Checks all cells, and names those that are not as expected.
    pub(crate) async fn check(&self, count: usize) {
        let cells = self.cells();
        let mut wrong = Vec::new();
        for cell in &cells {
            if let Err(panic) = AssertUnwindSafe(check(cell)).catch_unwind().await {
                wrong.push(format!("{cell}\n{}", text(&*panic)));
            }
        }
        let (of, wrong_ones) = (cells.len(), wrong.join("\n\n"));
        assert!(
            wrong.is_empty(),
            "{} of {of} cells:\n\n{wrong_ones}",
            wrong.len()
        );
        assert_eq!(of, count, "cells were added or dropped");
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
    let url = scene.origin.clone();
    let answer = tokio::spawn(ask(cell.protocol, url, course.clone()));

    match cell.state {
        State::LostBeforeHead => {
            soon(course.until(Step::Begun)).await;
            scene.lose().await;
        }
        State::LostAfterHead => {
            soon(course.until(Step::Received)).await;
            scene.lose().await;
        }
        _ => {}
    }
    course.made(Step::GoesOn);
    if !matches!(cell.then, Then::AtOnce | Then::TimeIsOver) {
        is_held(cell, &scene, &course, &answer).await;
        scene.go_on().await;
    }
    if cell.expect == Expect::Parked {
        is_held(cell, &scene, &course, &answer).await;
        scene.stop().await;
    }
    let expected = cell.expect.answer(cell.protocol, &scene.facts());
    assert_eq!(soon(answer).await.unwrap(), expected);
    assert_eq!(scene.runs(), cell.expect.runs(), "{RUNS}");

    if cell.expect == Expect::Http307 {
        follow(cell, &scene, &course).await;
    }
}

async fn ask(protocol: Protocol, origin: String, course: Course) -> Answer {
    if protocol.is_grpc() {
        grpc_client::ask(protocol, &origin, &course).await
    } else {
        http::ask(protocol, &format!("{origin}/orders?n=1"), &course).await
    }
}

/// The request has come as far as the gate, and stays there while another is answered.
async fn is_held(cell: &Cell<'_>, scene: &Scene<'_>, course: &Course, answer: &JoinHandle<Answer>) {
    soon(course.until(Step::Arrived)).await;
    soon(async {
        if cell.protocol.is_grpc() {
            grpc_client::ask_in_the_open(&scene.origin).await;
        } else {
            http::ask_in_the_open(cell.protocol, &scene.origin).await;
        }
    })
    .await;
    settle().await;
    assert!(!answer.is_finished(), "it was answered too early");
    assert_eq!(scene.runs(), (0, 0, 0));
}

/// A client that follows the redirect is served by the leader.
async fn follow(cell: &Cell<'_>, scene: &Scene<'_>, course: &Course) {
    let facts = scene.facts();
    let url = format!("{}/orders?n=1", facts.leader);
    let answer = soon(http::ask(cell.protocol, &url, course)).await;
    let expected = Expect::Forwarded.answer(cell.protocol, &facts);
    assert_eq!(answer, expected);
    assert_eq!(scene.runs(), Expect::Forwarded.runs(), "{RUNS}");
}

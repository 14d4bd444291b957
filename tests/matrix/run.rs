//! Checks a cell.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tokio::task::JoinHandle;

use crate::{
    action::Action,
    answer::Answer,
    cell::{Cell, State, Then},
    desk::{Course, Step},
    expect::{Expect, Runs},
    grpc_client, http,
    node::{NOTHING_HAPPENED, settle, soon},
    order::{ATTEMPT, Order},
    scene::Scene,
};

impl Action {
    /// Checks all cells, and lists those that differ.
    pub(crate) async fn check(&self) {
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
    if let Expect::Parked(_) = cell.expect {
        is_held(cell, &scene, &course, &answer).await;
        scene.stop().await;
    }
    let answer = soon(answered(cell, &scene, answer)).await;
    let expected = |expect: Expect| {
        let answer = expect.answer(cell.protocol, &scene.facts);
        let answer = match cell.state {
            State::Marked => answer.refusing(ATTEMPT),
            _ => answer,
        };
        match cell.action.is_layered {
            true => answer.layered(cell.protocol),
            false => answer,
        }
    };
    assert_eq!(answer, expected(cell.expect));
    assert_eq!(scene.runs(), cell.expect.runs());

    if answer.status == 307 {
        // The leader serves the request.
        let order = Order {
            protocol: cell.protocol,
            origin: scene.facts.leader.clone(),
            is_marked: false,
            course,
        };
        let by_leader = Expect::Forwarded(&Expect::Served);
        assert_eq!(soon(order.send()).await, expected(by_leader));
        assert_eq!(scene.runs(), by_leader.runs());
    }
}

/// The answer. A follower that sends the request again pauses before.
async fn answered(cell: &Cell<'_>, scene: &Scene<'_>, answer: JoinHandle<Answer>) -> Answer {
    if cell.state == State::DrainsBehindHold {
        while !answer.is_finished() {
            scene.pass_pause().await;
        }
    }
    answer.await.unwrap()
}

/// Checks that the layer holds the request while the server responds to another one.
async fn is_held(cell: &Cell<'_>, scene: &Scene<'_>, course: &Course, answer: &JoinHandle<Answer>) {
    let gates = 1 + usize::from(cell.state.is_behind_follower());
    soon(course.until_arrived(gates)).await;
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
    assert_eq!(scene.runs(), Runs::default());
}

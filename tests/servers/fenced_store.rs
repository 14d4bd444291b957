//! The example `fenced_store`, as it is: a leader that was stopped in the middle of a write, and what becomes of
//! the write when it goes on.
#![allow(clippy::print_stdout, reason = "it tells a story")]

use http::StatusCode;

#[path = "../../examples/fenced_store/candidate.rs"]
mod candidate;
#[path = "../../examples/fenced_store/storage.rs"]
mod storage;
#[path = "../../examples/fenced_store/story.rs"]
mod story;

/// Not a test by itself: the body of the candidates that the test below starts.
#[tokio::test]
async fn candidate_process() {
    if let Some(role) = candidate::Role::from_env() {
        candidate::run(role).await.unwrap();
    }
}

#[tokio::test]
async fn the_late_write_of_a_leader_that_was_stopped_is_refused_by_a_fence_alone() {
    let candidate = ["--exact", "fenced_store::candidate_process", "--nocapture"];
    let outcome = story::play(&candidate).await.unwrap();
    let [old, new] = outcome.tokens;
    assert!(old < new, "{old}, {new}");
    let refusal = format!("fencing token {old} is stale: the largest token seen is {new}");
    assert_eq!(outcome.late, (StatusCode::CONFLICT, refusal));
    assert_eq!(outcome.fenced, "apples\nplums\n");
    assert_eq!(outcome.unfenced, "apples\npears\n");
    outcome.check().unwrap();
}

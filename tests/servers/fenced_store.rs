//! The unchanged example `fenced_store`: a leader is stopped in the middle of a write, and continues it when
//! another node leads.
#![allow(clippy::print_stdout, reason = "the example prints what happens")]

use http::StatusCode;

#[path = "../../examples/fenced_store/candidate.rs"]
mod candidate;
#[path = "../../examples/fenced_store/storage.rs"]
mod storage;
#[path = "../../examples/fenced_store/story.rs"]
mod story;

/// Not a test: the body of the candidate processes that the test below starts.
#[tokio::test]
async fn candidate_process() {
    if let Some(role) = candidate::Role::from_env() {
        candidate::run(role).await.unwrap();
    }
}

#[tokio::test]
async fn only_the_fenced_store_rejects_a_stale_write() {
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

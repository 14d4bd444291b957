use thiserror::Error;

/// The term of a request ended while the request was in progress.
///
/// The request may have been executed, in part or as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("leadership was lost while the request was in progress; it may have been executed")]
#[non_exhaustive]
pub struct TermLost;

use std::error::Error;

use thiserror::Error;

use crate::{
    builder::StartError,
    error::BoxError,
    task::{ReleaseError, Stopped},
};

/// An error from a work loop.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The closure failed. [`downcast`](Self::downcast) returns its error.
    #[error("the leader's work failed")]
    Work(#[source] BoxError),
    /// A clone of this [`Leader`](crate::Leader) is already campaigning.
    #[error(
        "this leader is already campaigning; run only one `start`, `run` or `acquire_and_run` at a time"
    )]
    AlreadyRunning,
    /// The election could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The lease could not be released.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The election stopped without a shutdown: the client is closed, or the background task ended early. This node will
    /// not lead again.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl RunError {
    /// Returns the closure's error, if it is an `E`.
    ///
    /// If the closure returns a type-erased error such as `anyhow::Error`, this does not find the type inside it.
    ///
    /// ```
    /// # async fn write() -> std::io::Result<()> { Ok(()) }
    /// # async fn example(leader: noleader::Leader) -> Result<(), noleader::RunError> {
    /// match leader.run(|_term| write()).await {
    ///     Err(error) => match error.downcast::<std::io::Error>() {
    ///         Ok(error) => println!("could not write: {error}"),
    ///         Err(error) => return Err(error),
    ///     },
    ///     Ok(()) => println!("the election has stopped"),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The unchanged error, if it is not [`Work`](Self::Work) or contains an error of another type.
    pub fn downcast<E: Error + 'static>(self) -> Result<E, Self> {
        match self {
            Self::Work(error) => match error.downcast() {
                Ok(error) => Ok(*error),
                Err(error) => Err(Self::Work(error)),
            },
            other => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt, io};

    use super::*;

    #[test]
    fn downcast_returns_the_closures_error() {
        let error = RunError::Work(io::Error::other("full").into());
        let error = error.downcast::<fmt::Error>().unwrap_err();
        assert_eq!(error.downcast::<io::Error>().unwrap().to_string(), "full");
        assert!(RunError::AlreadyRunning.downcast::<io::Error>().is_err());
    }
}

use thiserror::Error;

use crate::{error::ConfigError, store::StoreError};

/// An error from starting an election.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(StoreError),
}

impl StartError {
    /// Whether the same call may succeed later, without a change that a person has to make.
    ///
    /// [`start`](crate::Builder::start) returns only one transient error: [`NoAnswer`](StoreError::NoAnswer), after
    /// 30 s. For the others, it returns a handle whose node waits. [`prepare`](crate::Builder::prepare) does not wait:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use noleader::{LeaderHandle, StartError};
    /// # async fn example(client: async_nats::Client) -> Result<(), StartError> {
    /// let builder = LeaderHandle::builder("orders", "writer");
    /// loop {
    ///     match builder.clone().prepare(client.clone()).await {
    ///         Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_secs(1)).await,
    ///         result => return result,
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Config(_) => false,
            Self::Store(error) => error.is_transient(),
        }
    }
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Config(error) => Self::Config(error),
            error => Self::Store(error),
        }
    }
}

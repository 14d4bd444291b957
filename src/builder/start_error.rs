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

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Config(error) => Self::Config(error),
            error => Self::Store(error),
        }
    }
}

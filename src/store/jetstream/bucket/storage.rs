use async_nats::jetstream::stream::StorageType;

/// Where a bucket keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// In files. The bucket survives a restart of its servers.
    File,
    /// In memory. The bucket is lost when all of its servers restart, and the candidates then wait one lease.
    Memory,
}

impl Storage {
    /// The storage of a stream, by the name that the server gives it.
    pub(crate) fn of(storage: &str) -> Self {
        match storage {
            "memory" => Self::Memory,
            _ => Self::File,
        }
    }

    pub(crate) fn storage_type(self) -> StorageType {
        match self {
            Self::File => StorageType::File,
            Self::Memory => StorageType::Memory,
        }
    }
}

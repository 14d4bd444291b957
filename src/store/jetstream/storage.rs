use async_nats::jetstream::stream::StorageType;

/// Where a bucket keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In files: it survives a restart of the server.
    File,
    /// In memory: after a restart of all its servers it is gone, and the candidates wait one lease.
    Memory,
}

impl Storage {
    pub(super) fn of(storage: StorageType) -> Self {
        match storage {
            StorageType::File => Self::File,
            StorageType::Memory => Self::Memory,
        }
    }

    pub(super) fn storage_type(self) -> StorageType {
        match self {
            Self::File => StorageType::File,
            Self::Memory => StorageType::Memory,
        }
    }
}

/// The name of an election in log events and metrics: the bucket and the key of its lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElectionName {
    bucket: String,
    key: String,
}

impl ElectionName {
    /// Creates a name from a bucket and a key, or from their equivalents in another store.
    #[must_use]
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            key: key.into(),
        }
    }

    /// The name of the bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The name of the key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

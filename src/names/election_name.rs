/// The name of an election in log lines and metrics: the bucket and the key that its lease is kept in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElectionName {
    bucket: String,
    key: String,
}

impl ElectionName {
    /// The election whose lease is kept under `key` in `bucket`, or in what a store has in their place.
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

use super::{Bucket, bucket_name::BucketName, storage::Storage};
use crate::{error::ConfigError, names::ElectionName};

/// The bucket and key of an election, and the settings with which the bucket is created.
#[derive(Clone, Debug)]
pub struct BucketSettings {
    bucket: String,
    key: String,
    create: bool,
    replicas: Option<usize>,
    storage: Option<Storage>,
}

impl BucketSettings {
    pub(crate) fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            key: key.into(),
            create: true,
            replicas: None,
            storage: None,
        }
    }

    /// The settings of a bucket with many keys.
    pub(crate) fn of_shards(bucket: impl Into<String>) -> Self {
        Self::new(bucket, "shards")
    }

    pub(crate) fn create_bucket(self, create: bool) -> Self {
        Self { create, ..self }
    }

    pub(crate) fn replicas(self, replicas: usize) -> Self {
        Self {
            replicas: Some(replicas),
            ..self
        }
    }

    pub(crate) fn storage(self, storage: Storage) -> Self {
        Self {
            storage: Some(storage),
            ..self
        }
    }

    pub(crate) fn name(&self) -> ElectionName {
        ElectionName::new(&self.bucket, &self.key)
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn bucket(&self) -> Result<Bucket, ConfigError> {
        let name = BucketName::parse(&self.bucket)?;
        if let Some(replicas) = self.replicas
            && !(1..=5).contains(&replicas)
        {
            return Err(ConfigError::new(
                "replicas",
                replicas,
                "it must be between 1 and 5",
            ));
        }
        Ok(Bucket::new(name, self.create, self.replicas, self.storage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_bounds_are_rejected() {
        let setting = |settings: BucketSettings| settings.bucket().unwrap_err().setting();
        assert_eq!(setting(BucketSettings::new("a b", "writer")), "bucket");
        let orders = || BucketSettings::new("orders", "writer");
        assert_eq!(setting(orders().replicas(0)), "replicas");
        assert_eq!(setting(orders().replicas(6)), "replicas");
        let bucket = orders().replicas(5).bucket().unwrap();
        assert_eq!(bucket.subject("writer"), "$KV.orders.writer");
    }
}

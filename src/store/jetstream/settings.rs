use std::time::Duration;

use super::{
    bucket::Bucket, bucket_name::BucketName, fitness::Needs, key_name::KeyName, storage::Storage,
};
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

/// A bucket and a key with valid settings.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) bucket: Bucket,
    pub(super) key: KeyName,
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

    pub(super) fn name(&self) -> ElectionName {
        ElectionName::new(&self.bucket, &self.key)
    }

    pub(super) fn parse(&self) -> Result<Place, ConfigError> {
        let name = BucketName::parse(&self.bucket)?;
        let key = KeyName::parse(&self.key)?;
        if let Some(replicas) = self.replicas
            && !(1..=5).contains(&replicas)
        {
            return Err(ConfigError::new(
                "replicas",
                replicas,
                "it must be between 1 and 5",
            ));
        }
        Ok(Place {
            bucket: Bucket::new(name, self.create, self.replicas, self.storage),
            key,
        })
    }
}

impl Place {
    /// The subject of the key in the bucket's stream.
    pub(super) fn subject(&self) -> String {
        self.bucket.subject(&self.key)
    }

    /// What the election needs of the bucket.
    pub(super) fn needs(&self, lease: Duration) -> Needs {
        Needs {
            bucket: self.bucket.name().to_string(),
            subject: self.subject(),
            lease,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_bounds_are_rejected() {
        let setting = |settings: BucketSettings| settings.parse().unwrap_err().setting();
        assert_eq!(setting(BucketSettings::new("a b", "writer")), "bucket");
        assert_eq!(setting(BucketSettings::new("orders", "a..b")), "key");
        let orders = || BucketSettings::new("orders", "writer");
        assert_eq!(setting(orders().replicas(0)), "replicas");
        assert_eq!(setting(orders().replicas(6)), "replicas");
        let place = orders().replicas(5).parse().unwrap();
        assert_eq!(place.subject(), "$KV.orders.writer");
    }
}

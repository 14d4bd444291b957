use std::time::Duration;

use super::{key_name::KeyName, needs::OneKey};
use crate::{
    error::ConfigError,
    store::jetstream::bucket::{Bucket, settings::BucketSettings},
};

/// A bucket and a key with valid settings.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) bucket: Bucket,
    key: KeyName,
}

impl Place {
    pub(super) fn parse(settings: &BucketSettings) -> Result<Self, ConfigError> {
        Ok(Self {
            bucket: settings.bucket()?,
            key: KeyName::parse(settings.key())?,
        })
    }

    pub(super) fn key(&self) -> &str {
        self.key.as_str()
    }

    /// The subject of the key in the bucket's stream.
    pub(super) fn subject(&self) -> String {
        self.bucket.subject(self.key())
    }

    /// What the election needs of the bucket.
    pub(super) fn needs(&self, lease: Duration) -> OneKey {
        OneKey {
            subject: self.subject(),
            lease,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_are_checked() {
        let parse = |bucket, key| Place::parse(&BucketSettings::new(bucket, key));
        let setting = |bucket, key| parse(bucket, key).unwrap_err().setting();
        assert_eq!(setting("a b", "writer"), "bucket");
        assert_eq!(setting("orders", "a..b"), "key");
        let place = parse("orders", "writer").unwrap();
        assert_eq!(place.subject(), "$KV.orders.writer");
    }
}

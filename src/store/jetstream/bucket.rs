use std::{sync::OnceLock, time::Duration};

use async_nats::jetstream::{
    response::Response,
    stream::{Config, DiscardPolicy, Info},
};

use super::{bucket_name::BucketName, error, requests::Requests, storage::Storage};
use crate::store::error::StoreError;

/// The minimum `max_age` of a new bucket.
const MIN_MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// The minimum `max_age` in leases. If the server expires a record early, the candidates wait for an unknown holder.
const MIN_LEASES: u32 = 10;

/// The minimum message limit in bytes, so that a record with a long id and a long address fits.
const MIN_MESSAGE_SIZE: i32 = 4096;

/// The bucket, and the settings with which it is created.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    name: BucketName,
    create: bool,
    replicas: Option<usize>,
    storage: Option<Storage>,
    /// The replicas and the storage of the bucket when it was first found. If the bucket vanishes, it is recreated with
    /// them, unless the settings say otherwise.
    found: OnceLock<(usize, Storage)>,
}

impl Bucket {
    pub(super) fn new(
        name: BucketName,
        create: bool,
        replicas: Option<usize>,
        storage: Option<Storage>,
    ) -> Self {
        Self {
            name,
            create,
            replicas,
            storage,
            found: OnceLock::new(),
        }
    }

    pub(super) fn name(&self) -> &BucketName {
        &self.name
    }

    /// The name of the bucket's stream.
    pub(super) fn stream(&self) -> String {
        format!("KV_{}", self.name)
    }

    pub(super) async fn check_or_create(
        &self,
        requests: &Requests,
        lease: Duration,
    ) -> Result<(), StoreError> {
        match self.info(requests).await? {
            Response::Ok(found) => return self.check(&found.config, lease),
            Response::Err { error } if error::is_stream_missing(&error) => {}
            Response::Err { error } => {
                return Err(error::of_call(error, requests.expects_jetstream()));
            }
        }
        if !self.create {
            return Err(StoreError::BucketMissing {
                bucket: self.name.to_string(),
            });
        }
        self.create(requests, lease).await
    }

    async fn info(&self, requests: &Requests) -> Result<Response<Info>, StoreError> {
        let call = format!("STREAM.INFO.{}", self.stream());
        requests.call(&call, &()).await
    }

    async fn create(&self, requests: &Requests, lease: Duration) -> Result<(), StoreError> {
        let (replicas, storage) = self.found.get().copied().unwrap_or((1, Storage::File));
        let call = format!("STREAM.CREATE.{}", self.stream());
        let config = self.config(lease, replicas, storage);
        let error = match requests.call::<Info>(&call, &config).await? {
            Response::Ok(_) => {
                match self.found.get() {
                    None => tracing::info!(bucket = self.name.as_str(), "created the bucket"),
                    Some(_) => tracing::error!(
                        bucket = self.name.as_str(),
                        "bucket was missing; recreated it"
                    ),
                }
                let _ = self.found.set((replicas, storage));
                return Ok(());
            }
            Response::Err { error } => error,
        };
        // Another node may have created it meanwhile, with different settings.
        if let Ok(Response::Ok(found)) = self.info(requests).await {
            return self.check(&found.config, lease);
        }
        let code = error.error_code();
        match error::of_call(error, requests.expects_jetstream()) {
            StoreError::Request(source) if !error::is_passing(code) => {
                Err(StoreError::BucketNotCreated {
                    bucket: self.name.to_string(),
                    source,
                })
            }
            named => Err(named),
        }
    }

    /// The stream of a bucket, as every NATS client creates it.
    fn config(&self, lease: Duration, replicas: usize, storage: Storage) -> Config {
        Config {
            name: self.stream(),
            description: Some("leases of noleader".to_owned()),
            subjects: vec![format!("$KV.{}.>", self.name)],
            max_messages_per_subject: 1,
            max_age: MIN_MAX_AGE.max(lease.saturating_mul(MIN_LEASES)),
            storage: self.storage.unwrap_or(storage).storage_type(),
            num_replicas: self.replicas.unwrap_or(replicas),
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            ..Default::default()
        }
    }

    /// Rejects a bucket that cannot keep the lease, and warns of one that differs from the settings.
    fn check(&self, found: &Config, lease: Duration) -> Result<(), StoreError> {
        let unfit = |setting, found: String, remedy: String| StoreError::BucketUnfit {
            bucket: self.name.to_string(),
            setting,
            found,
            remedy,
        };
        let name = &self.name;
        let wanted = lease.saturating_mul(MIN_LEASES);
        if !found.max_age.is_zero() && found.max_age < wanted {
            let remedy = format!(
                "it must be {MIN_LEASES} leases or more; run `nats kv edit {name} --ttl {}s`, set a \
                 `.lease(..)` of {:?} at most, or use another bucket",
                wanted.as_secs().max(1),
                found.max_age / MIN_LEASES
            );
            return Err(unfit("max_age", format!("{:?}", found.max_age), remedy));
        }
        if (1..MIN_MESSAGE_SIZE).contains(&found.max_message_size) {
            let remedy = format!(
                "it must be {MIN_MESSAGE_SIZE} bytes or more; raise it, or use another bucket"
            );
            return Err(unfit(
                "max_msg_size",
                found.max_message_size.to_string(),
                remedy,
            ));
        }
        if found.sealed || found.mirror.is_some() || found.no_ack {
            let remedy = "use a bucket that accepts and acknowledges writes".to_owned();
            let setting = if found.sealed {
                "sealed"
            } else if found.no_ack {
                "no_ack"
            } else {
                "mirror"
            };
            return Err(unfit(setting, "set".to_owned(), remedy));
        }
        let _ = self
            .found
            .set((found.num_replicas, Storage::of(found.storage)));
        if self
            .storage
            .is_some_and(|wanted| wanted != Storage::of(found.storage))
        {
            let (wanted, found) = (self.storage, found.storage);
            tracing::warn!(
                bucket = name.as_str(),
                ?wanted,
                ?found,
                "bucket exists with different storage"
            );
        }
        if self
            .replicas
            .is_some_and(|wanted| wanted != found.num_replicas)
        {
            let (wanted, found) = (self.replicas, found.num_replicas);
            tracing::warn!(
                bucket = name.as_str(),
                ?wanted,
                found,
                "bucket exists with a different number of replicas"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: Config) -> Result<(), String> {
        let name = BucketName::parse("orders").unwrap();
        Bucket::new(name, true, None, None)
            .check(&config, Duration::from_secs(15))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_unfit_max_age_is_rejected() {
        let max_age = |secs| Config {
            max_age: Duration::from_secs(secs),
            ..Config::default()
        };
        assert_eq!(check(max_age(0)), Ok(()));
        assert_eq!(check(max_age(150)), Ok(()));
        assert_eq!(
            check(max_age(60)).unwrap_err(),
            "bucket `orders` has max_age 60s: it must be 10 leases or more; run `nats kv edit orders \
             --ttl 150s`, set a `.lease(..)` of 6s at most, or use another bucket"
        );
    }

    #[test]
    fn a_bucket_without_writes_is_rejected() {
        let sealed = Config {
            sealed: true,
            ..Config::default()
        };
        assert!(
            check(sealed)
                .unwrap_err()
                .starts_with("bucket `orders` has sealed set")
        );
        let small = Config {
            max_message_size: 100,
            ..Config::default()
        };
        assert!(
            check(small)
                .unwrap_err()
                .starts_with("bucket `orders` has max_msg_size 100")
        );
        let no_ack = Config {
            no_ack: true,
            ..Config::default()
        };
        assert!(
            check(no_ack)
                .unwrap_err()
                .starts_with("bucket `orders` has no_ack set")
        );
    }
}

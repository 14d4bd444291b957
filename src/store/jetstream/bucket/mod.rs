//! The bucket: its name, its settings, and whether it can keep leases.

mod bucket_name;
pub(super) mod fitness;
pub(super) mod settings;
pub(super) mod storage;
pub(super) mod stream_info;

use std::sync::OnceLock;

use async_nats::jetstream::{
    response::Response,
    stream::{Config, DiscardPolicy},
};

use self::{
    bucket_name::BucketName,
    fitness::{Flaw, Needs},
    storage::Storage,
    stream_info::StreamInfo,
};
use super::{
    notices::Notices,
    requests::{Requests, error},
};
use crate::{
    clock::{Clock, WallTime},
    error::survive,
    store::error::StoreError,
};

/// The bucket, and the settings with which it is created.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    name: BucketName,
    create: bool,
    replicas: Option<usize>,
    storage: Option<Storage>,
    /// The replicas and the storage of the bucket when it was first found. If the bucket vanishes, it is recreated with
    /// them, unless the settings say otherwise.
    found: OnceLock<(usize, Storage)>,
    notices: Notices,
}

impl Bucket {
    pub(crate) fn new(
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
            notices: Notices::default(),
        }
    }

    /// The name of the bucket's stream.
    pub(crate) fn stream(&self) -> String {
        format!("KV_{}", self.name)
    }

    /// The subject of a key in the bucket's stream, where `>` is every key.
    pub(crate) fn subject(&self, key: impl std::fmt::Display) -> String {
        format!("$KV.{}.{key}", self.name)
    }

    pub(crate) fn missing(&self, needs: &impl Needs) -> StoreError {
        StoreError::BucketMissing {
            bucket: self.name.to_string(),
            command: needs.command(self.name.as_str()),
        }
    }

    /// Checks the bucket for a candidate, and creates it if it does not exist.
    pub(crate) async fn check_or_create(
        &self,
        requests: &Requests,
        needs: &impl Needs,
    ) -> Result<StreamInfo, StoreError> {
        if let Some(info) = self.check(requests, needs).await? {
            return Ok(info);
        }
        if !self.create {
            return Err(self.missing(needs));
        }
        let config = self.config(needs);
        let error = match StreamInfo::create(requests, &config).await? {
            Response::Ok(info) => {
                survive(|| match self.found.get() {
                    None => tracing::info!(bucket = self.name.as_str(), "created the bucket"),
                    Some(_) => tracing::error!(
                        bucket = self.name.as_str(),
                        "bucket was missing; recreated it"
                    ),
                });
                return self.accept(info, needs);
            }
            Response::Err { error } => error,
        };
        // Another node may have created it meanwhile, with another first revision.
        match self.check(requests, needs).await {
            Err(error @ StoreError::BucketUnfit { .. }) => return Err(error),
            Ok(Some(info)) => return Ok(info),
            _ => {}
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

    /// Checks the bucket. None if it does not exist.
    pub(crate) async fn check(
        &self,
        requests: &Requests,
        needs: &impl Needs,
    ) -> Result<Option<StreamInfo>, StoreError> {
        match StreamInfo::find(requests, &self.stream()).await? {
            Some(info) => self.accept(info, needs).map(Some),
            None => Ok(None),
        }
    }

    /// Logs that an observer found no bucket.
    pub(crate) fn await_creation(&self) {
        if self.notices.is_new("missing") {
            survive(|| {
                tracing::info!(
                    bucket = self.name.as_str(),
                    "bucket does not exist; waiting for a candidate to create it"
                );
            });
        }
    }

    /// Checks a bucket that was accepted before. If it has become unfit, only an event shows this.
    pub(crate) fn check_again(&self, info: &StreamInfo, needs: &impl Needs) {
        let Some(flaw) = needs.unmet(self.name.as_str(), &info.config) else {
            return self.warn(info);
        };
        if self.notices.is_new(flaw.setting) {
            let Flaw {
                setting,
                found,
                remedy,
            } = flaw;
            tracing::error!(
                bucket = self.name.as_str(),
                setting,
                found,
                remedy,
                "bucket was changed and cannot keep the lease; the election is no longer safe"
            );
        }
    }

    /// Rejects a bucket that cannot keep the lease, and warns of one that endangers it or differs from the settings.
    fn accept(&self, info: StreamInfo, needs: &impl Needs) -> Result<StreamInfo, StoreError> {
        if let Some(flaw) = needs.unmet(self.name.as_str(), &info.config) {
            return Err(StoreError::BucketUnfit {
                bucket: self.name.to_string(),
                setting: flaw.setting,
                found: flaw.found,
                remedy: flaw.remedy,
            });
        }
        survive(|| self.warn(&info));
        Ok(info)
    }

    fn warn(&self, info: &StreamInfo) {
        let name = self.name.as_str();
        let found = (info.config.num_replicas, Storage::of(&info.config.storage));
        let _ = self.found.set(found);
        let (replicas, storage) = found;
        if let Some(wanted) = self.storage.filter(|wanted| *wanted != storage)
            && self.notices.is_new("different storage")
        {
            tracing::warn!(
                bucket = name,
                ?wanted,
                found = ?storage,
                "bucket exists with different storage"
            );
        }
        if let Some(wanted) = self.replicas.filter(|wanted| *wanted != replicas)
            && self.notices.is_new("different replicas")
        {
            tracing::warn!(
                bucket = name,
                wanted,
                found = replicas,
                "bucket exists with a different number of replicas"
            );
        }
        for risk in fitness::risks(name, info) {
            let Flaw {
                setting,
                found,
                remedy,
            } = risk;
            if self.notices.is_new(setting) {
                tracing::warn!(
                    bucket = name,
                    setting,
                    found,
                    remedy,
                    "bucket keeps the lease only while nothing goes wrong"
                );
            }
        }
    }

    /// The stream of a new bucket.
    fn config(&self, needs: &impl Needs) -> Config {
        let (replicas, storage) = self.found.get().copied().unwrap_or((1, Storage::File));
        needs.config(Config {
            name: self.stream(),
            subjects: vec![self.subject('>')],
            max_messages_per_subject: 1,
            storage: self.storage.unwrap_or(storage).storage_type(),
            num_replicas: self.replicas.unwrap_or(replicas),
            discard: DiscardPolicy::New,
            deny_delete: true,
            allow_direct: true,
            first_sequence: self.first_revision(Clock::system().wall()),
            ..Default::default()
        })
    }

    /// The time in milliseconds, so that a recreated bucket repeats no revision.
    fn first_revision(&self, now: Option<WallTime>) -> Option<u64> {
        let first = now.filter(|now| now.is_plausible());
        if first.is_none() {
            let unix_ms = now.map(WallTime::as_unix_ms);
            survive(|| {
                tracing::warn!(
                    bucket = self.name.as_str(),
                    unix_ms,
                    "wall clock is wrong; a new bucket starts at revision 1"
                );
            });
        }
        first.map(WallTime::as_unix_ms)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn bucket() -> Bucket {
        let name = BucketName::parse("orders").unwrap();
        Bucket::new(name, true, None, None)
    }

    /// The settings of a new bucket, as the server reports them.
    pub(crate) fn new_config(needs: &impl Needs) -> serde_json::Value {
        let config = bucket().config(needs);
        assert!(config.first_sequence.is_some());
        serde_json::to_value(config).unwrap()
    }

    #[test]
    fn only_a_plausible_time_is_a_first_revision() {
        let first = |ms| bucket().first_revision(Some(WallTime::from_unix_ms(ms)));
        assert_eq!(first(1_800_000_000_000), Some(1_800_000_000_000));
        assert_eq!(first(7_258_118_399_999), Some(7_258_118_399_999));
        // 1970, and a time in nanoseconds, which would leave no room for later tokens.
        for wrong in [0, 1_577_836_799_999, 7_258_118_400_000, u64::MAX] {
            assert_eq!(first(wrong), None, "{wrong}");
        }
        assert_eq!(bucket().first_revision(None), None);
    }
}

use crate::{
    names::ElectionName,
    shards::protocol::{Config, Key},
    store::{ShardStore, StoreError, WriteError},
};

/// Compares the configuration in the bucket with `ours`, and writes it if there is none.
pub(super) async fn configure(store: &impl ShardStore, ours: &Config) -> Result<(), StoreError> {
    let key = Key::Config.to_string();
    loop {
        let seen = store.read(&key).await?;
        if let Some(value) = seen.value() {
            return match Config::decode(value) {
                Ok(found) => compare(&store.name(), &found, ours),
                Err(why) => Err(StoreError::BucketUnfit {
                    bucket: store.name().bucket().to_owned(),
                    setting: "a record `cfg`",
                    found: format!("that cannot be read ({why})"),
                    remedy: "use another bucket, or a later version of noleader".to_owned(),
                }),
            };
        }
        match store
            .write(&key, seen.revision(), ours.encode(), None)
            .await
        {
            Ok(_) => return Ok(()),
            // Another node was faster: compare.
            Err(WriteError::Conflict) => {}
            Err(WriteError::Failed(error) | WriteError::Unknown(error)) => return Err(error),
        }
    }
}

fn compare(name: &ElectionName, found: &Config, ours: &Config) -> Result<(), StoreError> {
    let unfit = |setting, found: String, start_with: String| StoreError::BucketUnfit {
        bucket: name.bucket().to_owned(),
        setting,
        found,
        remedy: format!("{start_with}, or use another bucket"),
    };
    if found.shards != ours.shards {
        let shards = found.shards.to_string();
        let start_with = format!("start each node with {shards} shards");
        return Err(unfit("the number of shards", shards, start_with));
    }
    if found.lease_ms != ours.lease_ms {
        let lease = format!("{} ms", found.lease_ms);
        let start_with = format!("start each node with a lease of {lease}");
        return Err(unfit("a lease of", lease, start_with));
    }
    Ok(())
}

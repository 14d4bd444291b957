//! Whether a bucket can keep leases.

use async_nats::jetstream::stream::Config;

use super::stream_info::{StreamConfig, StreamInfo};

/// The minimum message limit in bytes, so that a record with a long id and a long address fits.
const MIN_MESSAGE_SIZE: i64 = 4096;

/// A setting of a bucket that breaks or endangers an election.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) setting: &'static str,
    pub(crate) found: String,
    pub(crate) remedy: String,
}

/// What a kind of bucket must be like.
pub(crate) trait Needs: Sync {
    /// The needs of this kind alone, in the order in which they are reported. A need that is met is none.
    fn own(&self, bucket: &str, found: &StreamConfig) -> Vec<Option<Flaw>>;

    /// Changes the settings of a new bucket to those of this kind.
    fn config(&self, new: Config) -> Config;

    /// The command that creates such a bucket.
    fn command(&self, bucket: &str) -> String;

    /// The first setting with which the bucket cannot keep leases.
    fn unmet(&self, bucket: &str, found: &StreamConfig) -> Option<Flaw> {
        let all = common(found).into_iter().chain(self.own(bucket, found));
        all.flatten().next()
    }
}

/// What every kind of bucket needs: a stream that is a plain log of its keys' writes, keeps what it acknowledged, and
/// stores and acknowledges every write.
fn common(found: &StreamConfig) -> [Option<Flaw>; 10] {
    let persist_mode = found.persist_mode.as_deref().unwrap_or("default");
    let is_short = (1..MIN_MESSAGE_SIZE).contains(&found.max_msg_size);
    let too_short =
        format!("it must be {MIN_MESSAGE_SIZE} bytes or more; raise it, or use another bucket");
    let rejects = "use a bucket that accepts and acknowledges writes";
    [
        set(
            found.mirror.is_some(),
            "mirror",
            "use the bucket that it mirrors",
        ),
        set(
            found.sources.is_some(),
            "sources",
            "messages of another stream may overwrite the key; remove the sources, or use another bucket",
        ),
        set(
            found.subject_transform.is_some(),
            "subject_transform",
            "the server stores writes under another key; remove it, or use another bucket",
        ),
        set(
            found.allow_msg_counter,
            "allow_msg_counter",
            "it stores only counters; use another bucket",
        ),
        flaw(
            persist_mode != "default",
            ("persist_mode", persist_mode),
            "the server acknowledges writes that it loses when it is killed; use another bucket",
        ),
        flaw(
            found.retention != "limits",
            ("retention", &found.retention),
            "the server removes records that were delivered; use a bucket with the retention `limits`",
        ),
        set(found.sealed, "sealed", rejects),
        set(found.no_ack, "no_ack", rejects),
        set(
            found.discard_new_per_subject,
            "discard_new_per_subject",
            "the server rejects every write of a key but the first; turn it off, or use another bucket",
        ),
        flaw(
            is_short,
            ("max_msg_size", &found.max_msg_size.to_string()),
            too_short,
        ),
    ]
}

/// A flaw if the condition holds.
pub(crate) fn flaw(
    is_wrong: bool,
    (setting, found): (&'static str, &str),
    remedy: impl Into<String>,
) -> Option<Flaw> {
    is_wrong.then(|| Flaw {
        setting,
        found: found.to_owned(),
        remedy: remedy.into(),
    })
}

/// A flaw if the setting is set.
fn set(is_set: bool, setting: &'static str, remedy: &str) -> Option<Flaw> {
    flaw(is_set, (setting, "set"), remedy)
}

/// Settings with which the bucket keeps leases until something goes wrong.
pub(crate) fn risks(bucket: &str, found: &StreamInfo) -> impl Iterator<Item = Flaw> {
    let config = &found.config;
    let replicas = config.num_replicas;
    let is_full = |setting, limit: i64| {
        let remedy = "once the bucket is full, the server rejects renewals or removes records; remove the limit";
        flaw(limit > 0, (setting, &limit.to_string()), remedy)
    };
    let one = format!(
        "no node leads while this one server of the cluster is down; run `nats kv edit {bucket} --replicas 3`"
    );
    let risks = [
        is_full("max_msgs", config.max_msgs),
        is_full("max_bytes", config.max_bytes),
        flaw(
            config.storage == "memory",
            ("storage", "memory"),
            "a restart of the servers loses the bucket, and revisions may repeat; use files",
        ),
        flaw(
            replicas == 1 && found.is_in_cluster(),
            ("num_replicas", "1"),
            one,
        ),
        flaw(
            replicas > 1 && !found.is_on_2_11(),
            ("num_replicas", &format!("{replicas} on nats-server 2.10")),
            "servers that are killed may lose the bucket; upgrade to nats-server 2.11 or later",
        ),
    ];
    risks.into_iter().flatten()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The unmet need of a bucket with these settings, and otherwise those that are given.
    pub(crate) fn unmet(
        needs: &impl Needs,
        usual: serde_json::Value,
        settings: &str,
    ) -> Option<&'static str> {
        let mut config = usual.as_object().unwrap().clone();
        config.extend(serde_json::from_str::<serde_json::Map<_, _>>(settings).unwrap());
        let found = serde_json::from_value(config.into()).unwrap();
        needs.unmet("orders", &found).map(|flaw| flaw.setting)
    }

    /// Settings with which no kind of bucket keeps leases.
    pub(crate) const UNFIT: [(&str, &str); 13] = [
        (r#"{"max_msg_size":4095}"#, "max_msg_size"),
        (r#"{"sealed":true}"#, "sealed"),
        (r#"{"no_ack":true}"#, "no_ack"),
        (r#"{"mirror":{"name":"KV_a"}}"#, "mirror"),
        (r#"{"sources":[{"name":"KV_a"}]}"#, "sources"),
        (
            r#"{"subject_transform":{"src":">","dest":"a.>"}}"#,
            "subject_transform",
        ),
        (r#"{"retention":"interest"}"#, "retention"),
        (r#"{"retention":"workqueue"}"#, "retention"),
        (r#"{"retention":"of a later server"}"#, "retention"),
        (r#"{"persist_mode":"async"}"#, "persist_mode"),
        (r#"{"persist_mode":"of a later server"}"#, "persist_mode"),
        (
            r#"{"discard_new_per_subject":true}"#,
            "discard_new_per_subject",
        ),
        (r#"{"allow_msg_counter":true}"#, "allow_msg_counter"),
    ];

    /// Settings that concern no kind of bucket.
    pub(crate) const HARMLESS: [&str; 4] = [
        "{}",
        r#"{"max_msg_size":4096}"#,
        r#"{"persist_mode":"default"}"#,
        r#"{"compression":"s2","allow_direct":true,"republish":{"dest":"r.>"},"allow_msg_ttl":true,"a":{}}"#,
    ];

    #[test]
    fn risks_are_named() {
        let risks = |info: &str| -> Vec<_> {
            let info = serde_json::from_str(info).unwrap();
            let risks = risks("orders", &info);
            risks.map(|risk| (risk.setting, risk.found)).collect()
        };
        let found = |setting, found: &str| vec![(setting, found.to_owned())];
        let single = r#"{"created":"","cluster":{"leader":"n"},"config":{"num_replicas":1}}"#;
        assert_eq!(risks(single), []);
        let full = r#"{"created":"","config":{"num_replicas":1,"max_msgs":9,"max_bytes":8}}"#;
        let both = [found("max_msgs", "9"), found("max_bytes", "8")].concat();
        assert_eq!(risks(full), both);
        let memory = r#"{"created":"","config":{"num_replicas":1,"storage":"memory"}}"#;
        assert_eq!(risks(memory), found("storage", "memory"));
        let one = r#"{"created":"","cluster":{"name":"c"},"config":{"num_replicas":1}}"#;
        assert_eq!(risks(one), found("num_replicas", "1"));
        let old = r#"{"created":"","cluster":{"name":"c"},"config":{"num_replicas":3}}"#;
        assert_eq!(risks(old), found("num_replicas", "3 on nats-server 2.10"));
        let new = old.replace("3}", r#"3,"metadata":{"_nats.ver":"2.11.0"}}"#);
        assert_eq!(risks(&new), []);
    }
}

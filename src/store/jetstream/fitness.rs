//! Whether a bucket can keep a lease.

use std::time::Duration;

use super::stream_info::{StreamConfig, StreamInfo};

/// The minimum `max_age` in leases. If the server expires a record early, the candidates wait for an unknown holder.
pub(super) const MIN_LEASES: u32 = 10;

/// The minimum message limit in bytes, so that a record with a long id and a long address fits.
const MIN_MESSAGE_SIZE: i64 = 4096;

/// A setting of a bucket that breaks or endangers an election.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) setting: &'static str,
    pub(super) found: String,
    pub(super) remedy: String,
}

/// What the election needs from the bucket.
#[derive(Debug)]
pub(super) struct Needs {
    pub(super) bucket: String,
    /// The subject of the key.
    pub(super) subject: String,
    pub(super) lease: Duration,
}

impl Needs {
    /// The first setting with which the bucket cannot keep a lease.
    pub(super) fn unmet(&self, found: &StreamConfig) -> Option<Flaw> {
        self.wrong_stream(found)
            .or_else(|| self.lost_records(found))
            .or_else(|| Self::rejected_writes(found))
    }

    /// Settings with which the stream is not a plain log of the key's writes.
    fn wrong_stream(&self, found: &StreamConfig) -> Option<Flaw> {
        let subject = &self.subject;
        if found.mirror.is_some() {
            return flaw("mirror", "set", "use the bucket that it mirrors");
        }
        if found.sources.is_some() {
            let remedy = "messages of another stream may overwrite the key; remove the sources, or use another bucket";
            return flaw("sources", "set", remedy);
        }
        if found.subject_transform.is_some() {
            let remedy =
                "the server stores writes under another key; remove it, or use another bucket";
            return flaw("subject_transform", "set", remedy);
        }
        if !found
            .subjects
            .iter()
            .any(|pattern| matches(pattern, subject))
        {
            let remedy = format!("they must include `{subject}`; add it, or use another bucket");
            return flaw("subjects", format!("{:?}", found.subjects), remedy);
        }
        if found.allow_msg_counter {
            let remedy = "it stores only counters; use another bucket";
            return flaw("allow_msg_counter", "set", remedy);
        }
        None
    }

    /// Settings with which the server removes or loses records that it acknowledged.
    fn lost_records(&self, found: &StreamConfig) -> Option<Flaw> {
        if let Some(mode) = &found.persist_mode
            && mode != "default"
        {
            let remedy = "the server acknowledges writes that it loses when it is killed; use another bucket";
            return flaw("persist_mode", mode, remedy);
        }
        if found.retention != "limits" {
            let remedy = "the server removes records that were delivered; use a bucket with the retention `limits`";
            return flaw("retention", &found.retention, remedy);
        }
        let (max_age, wanted) = (found.max_age(), self.lease.saturating_mul(MIN_LEASES));
        if !max_age.is_zero() && max_age < wanted {
            let remedy = format!(
                "it must be {MIN_LEASES} leases or more; run `nats kv edit {} --ttl {}s`, set a `.lease(..)` of {:?} \
                 at most, or use another bucket",
                self.bucket,
                wanted.as_secs().max(1),
                max_age / MIN_LEASES
            );
            return flaw("max_age", format!("{max_age:?}"), remedy);
        }
        if found.max_msgs_per_subject != 1 && !found.deny_delete {
            let remedy = format!(
                "deleting the newest record would bring an older one back; run `nats kv edit {} --history 1`, set \
                 deny_delete, or use another bucket",
                self.bucket
            );
            let history = match found.max_msgs_per_subject {
                ..1 => "unlimited".to_owned(),
                history => history.to_string(),
            };
            return flaw(
                "max_msgs_per_subject",
                format!("{history} without deny_delete"),
                remedy,
            );
        }
        None
    }

    /// Settings with which the server does not store or acknowledge a write.
    fn rejected_writes(found: &StreamConfig) -> Option<Flaw> {
        let remedy = "use a bucket that accepts and acknowledges writes";
        if found.sealed {
            return flaw("sealed", "set", remedy);
        }
        if found.no_ack {
            return flaw("no_ack", "set", remedy);
        }
        if found.discard_new_per_subject {
            let remedy = "the server rejects every write of a key but the first; turn it off, or use another bucket";
            return flaw("discard_new_per_subject", "set", remedy);
        }
        if (1..MIN_MESSAGE_SIZE).contains(&found.max_msg_size) {
            let remedy = format!(
                "it must be {MIN_MESSAGE_SIZE} bytes or more; raise it, or use another bucket"
            );
            return flaw("max_msg_size", found.max_msg_size.to_string(), remedy);
        }
        None
    }
}

/// Settings with which the bucket keeps a lease until something goes wrong.
pub(super) fn risks(bucket: &str, found: &StreamInfo) -> Vec<Flaw> {
    let config = &found.config;
    let mut risks = Vec::new();
    for (setting, limit) in [
        ("max_msgs", config.max_msgs),
        ("max_bytes", config.max_bytes),
    ] {
        if limit > 0 {
            let remedy = "once the bucket is full, the server rejects renewals or removes records; remove the limit";
            risks.extend(flaw(setting, limit.to_string(), remedy));
        }
    }
    if config.storage == "memory" {
        let remedy =
            "a restart of the servers loses the bucket, and revisions may repeat; use files";
        risks.extend(flaw("storage", "memory", remedy));
    }
    if config.num_replicas == 1 && found.is_in_cluster() {
        let remedy = format!(
            "no node leads while this one server of the cluster is down; run `nats kv edit {bucket} --replicas 3`"
        );
        risks.extend(flaw("num_replicas", "1", remedy));
    }
    if config.num_replicas > 1 && !found.is_on_2_11() {
        let found = format!("{} on nats-server 2.10", config.num_replicas);
        let remedy =
            "servers that are killed may lose the bucket; upgrade to nats-server 2.11 or later";
        risks.extend(flaw("num_replicas", found, remedy));
    }
    risks
}

fn flaw(
    setting: &'static str,
    found: impl Into<String>,
    remedy: impl Into<String>,
) -> Option<Flaw> {
    Some(Flaw {
        setting,
        found: found.into(),
        remedy: remedy.into(),
    })
}

/// Whether a subject with wildcards includes a subject without.
fn matches(pattern: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    for part in pattern.split('.') {
        match (part, subject.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(token)) if part == token => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(15);

    /// The first unmet need of a bucket with these settings, and otherwise those of `nats kv add`.
    fn unmet(settings: &str) -> Option<Flaw> {
        let usual = serde_json::json!({
            "subjects": ["$KV.orders.>"], "retention": "limits", "max_msgs_per_subject": 1, "deny_delete": true,
            "max_msgs": -1, "max_bytes": -1, "max_msg_size": -1, "storage": "file", "num_replicas": 1
        });
        let mut config = usual.as_object().unwrap().clone();
        config.extend(serde_json::from_str::<serde_json::Map<_, _>>(settings).unwrap());
        let needs = Needs {
            bucket: "orders".to_owned(),
            subject: "$KV.orders.writer".to_owned(),
            lease: LEASE,
        };
        needs.unmet(&serde_json::from_value(config.into()).unwrap())
    }

    #[test]
    fn usual_and_harmless_settings_are_accepted() {
        for settings in [
            "{}",
            r#"{"max_age":150000000000}"#,
            r#"{"max_msgs_per_subject":64}"#,
            r#"{"max_msgs_per_subject":1,"deny_delete":false}"#,
            r#"{"max_msg_size":4096}"#,
            r#"{"persist_mode":"default"}"#,
            r#"{"subjects":["a","$KV.orders.writer"]}"#,
            r#"{"subjects":["$KV.*.writer"]}"#,
            r#"{"compression":"s2","allow_direct":true,"republish":{"dest":"r.>"},"allow_msg_ttl":true,"a":{}}"#,
        ] {
            assert_eq!(unmet(settings), None, "{settings}");
        }
    }

    #[test]
    fn unfit_settings_are_named() {
        for (settings, setting) in [
            (r#"{"max_age":149000000000}"#, "max_age"),
            (r#"{"max_msg_size":4095}"#, "max_msg_size"),
            (r#"{"sealed":true}"#, "sealed"),
            (r#"{"no_ack":true}"#, "no_ack"),
            (r#"{"mirror":{"name":"KV_a"}}"#, "mirror"),
            (r#"{"sources":[{"name":"KV_a"}]}"#, "sources"),
            (
                r#"{"subject_transform":{"src":">","dest":"a.>"}}"#,
                "subject_transform",
            ),
            (r#"{"subjects":["$KV.orders.reader"]}"#, "subjects"),
            (r#"{"subjects":["$KV.orders.writer.>"]}"#, "subjects"),
            (r#"{"subjects":["$KV.orders"]}"#, "subjects"),
            (r#"{"subjects":[]}"#, "subjects"),
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
            (
                r#"{"max_msgs_per_subject":2,"deny_delete":false}"#,
                "max_msgs_per_subject",
            ),
            (
                r#"{"max_msgs_per_subject":-1,"deny_delete":false}"#,
                "max_msgs_per_subject",
            ),
        ] {
            let found = unmet(settings).map(|flaw| flaw.setting);
            assert_eq!(found, Some(setting), "{settings}");
        }
    }

    #[test]
    fn risks_are_named() {
        let risks = |info: &str| -> Vec<_> {
            let info = serde_json::from_str(info).unwrap();
            let risks = risks("orders", &info).into_iter();
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

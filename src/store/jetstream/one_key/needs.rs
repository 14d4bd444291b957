//! What the bucket of an election must be like.

use std::time::Duration;

use async_nats::jetstream::stream::Config;

use crate::store::jetstream::bucket::{
    fitness::{Flaw, Needs, flaw},
    stream_info::StreamConfig,
};

/// The minimum `max_age` in leases. If the server expires a record early, the candidates wait for an unknown holder.
const MIN_LEASES: u32 = 10;

/// The minimum `max_age` of a new bucket.
const MIN_MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// One key of a bucket, which may have other keys.
#[derive(Debug)]
pub(super) struct OneKey {
    /// The subject of the key.
    pub(super) subject: String,
    /// Zero for an observer, which does not check what depends on the lease.
    pub(super) lease: Duration,
}

impl OneKey {
    fn max_age(&self, bucket: &str, found: &StreamConfig) -> Option<Flaw> {
        let (max_age, wanted) = (found.max_age(), self.lease.saturating_mul(MIN_LEASES));
        let remedy = format!(
            "it must be {MIN_LEASES} leases or more; run `nats kv edit {bucket} --ttl {}s`, set a `.lease(..)` of {:?} \
             at most, or use another bucket",
            wanted.as_secs().max(1),
            max_age / MIN_LEASES
        );
        let is_short = !max_age.is_zero() && max_age < wanted;
        flaw(is_short, ("max_age", &format!("{max_age:?}")), remedy)
    }
}

impl Needs for OneKey {
    fn own(&self, bucket: &str, found: &StreamConfig) -> Vec<Option<Flaw>> {
        let subject = &self.subject;
        let mut subjects = found.subjects.iter();
        let history = match found.max_msgs_per_subject {
            ..1 => "unlimited".to_owned(),
            history => history.to_string(),
        };
        vec![
            flaw(
                !subjects.any(|pattern| matches(pattern, subject)),
                ("subjects", &format!("{:?}", found.subjects)),
                format!("they must include `{subject}`; add it, or use another bucket"),
            ),
            self.max_age(bucket, found),
            flaw(
                found.max_msgs_per_subject != 1 && !found.deny_delete,
                (
                    "max_msgs_per_subject",
                    &format!("{history} without deny_delete"),
                ),
                format!(
                    "deleting the newest record would bring an older one back; run `nats kv edit {bucket} --history \
                     1`, set deny_delete, or use another bucket"
                ),
            ),
        ]
    }

    /// As the KeyValue clients of NATS create it.
    fn config(&self, new: Config) -> Config {
        Config {
            description: Some("leases of noleader".to_owned()),
            max_age: MIN_MAX_AGE.max(self.lease.saturating_mul(MIN_LEASES)),
            allow_rollup: true,
            ..new
        }
    }

    fn command(&self, bucket: &str) -> String {
        format!("nats kv add {bucket} --history 1")
    }
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
    use crate::store::jetstream::bucket::fitness::tests::{HARMLESS, UNFIT, unmet};

    fn needs(lease: Duration) -> OneKey {
        OneKey {
            subject: "$KV.orders.writer".to_owned(),
            lease,
        }
    }

    /// The unmet need of a bucket with these settings, and otherwise those of `nats kv add`.
    fn unmet_with(settings: &str) -> Option<&'static str> {
        let usual = serde_json::json!({
            "subjects": ["$KV.orders.>"], "retention": "limits", "max_msgs_per_subject": 1, "deny_delete": true,
            "max_msgs": -1, "max_bytes": -1, "max_msg_size": -1, "storage": "file", "num_replicas": 1
        });
        unmet(&needs(Duration::from_secs(15)), usual, settings)
    }

    #[test]
    fn usual_and_harmless_settings_are_accepted() {
        for settings in HARMLESS.into_iter().chain([
            r#"{"max_age":150000000000}"#,
            r#"{"max_msgs_per_subject":64}"#,
            r#"{"max_msgs_per_subject":1,"deny_delete":false}"#,
            r#"{"subjects":["a","$KV.orders.writer"]}"#,
            r#"{"subjects":["$KV.*.writer"]}"#,
        ]) {
            assert_eq!(unmet_with(settings), None, "{settings}");
        }
    }

    #[test]
    fn unfit_settings_are_named() {
        for (settings, setting) in UNFIT.into_iter().chain([
            (r#"{"max_age":149000000000}"#, "max_age"),
            (r#"{"subjects":["$KV.orders.reader"]}"#, "subjects"),
            (r#"{"subjects":["$KV.orders.writer.>"]}"#, "subjects"),
            (r#"{"subjects":["$KV.orders"]}"#, "subjects"),
            (r#"{"subjects":[]}"#, "subjects"),
            (
                r#"{"max_msgs_per_subject":2,"deny_delete":false}"#,
                "max_msgs_per_subject",
            ),
            (
                r#"{"max_msgs_per_subject":-1,"deny_delete":false}"#,
                "max_msgs_per_subject",
            ),
        ]) {
            assert_eq!(unmet_with(settings), Some(setting), "{settings}");
        }
    }

    #[test]
    fn new_bucket_meets_its_own_needs() {
        for lease in [Duration::from_millis(200), Duration::from_secs(86_400)] {
            let needs = needs(lease);
            let config = crate::store::jetstream::bucket::tests::new_config(&needs);
            assert_eq!(unmet(&needs, config, "{}"), None);
        }
    }
}

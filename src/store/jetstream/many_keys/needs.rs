//! What the bucket of sharded leadership must be like.

use async_nats::jetstream::stream::Config;

use crate::store::jetstream::bucket::{
    fitness::{Flaw, Needs, flaw},
    stream_info::StreamConfig,
};

/// Every key of a bucket, which is used for nothing else.
///
/// The record of a shard is written once and never renewed. So the server must remove none by itself, and nothing but a
/// compare-and-set may replace one.
#[derive(Debug)]
pub(super) struct ManyKeys;

impl Needs for ManyKeys {
    fn own(&self, bucket: &str, found: &StreamConfig) -> Vec<Option<Flaw>> {
        let all = format!("$KV.{bucket}.>");
        let max_age = found.max_age();
        let edit = |setting: &str| format!("run `nats stream edit KV_{bucket} {setting}`");
        let full = |setting, limit: i64| {
            let remedy = edit(&format!("--{}=-1", str::replace(setting, "_", "-")));
            let remedy = format!(
                "a full bucket removes records of live owners, or rejects writes; {remedy}"
            );
            flaw(limit > 0, (setting, &limit.to_string()), remedy)
        };
        let deny = |is_set: bool, setting: &'static str, flag| {
            let remedy = edit(&format!("--no-allow-rollup --{flag}"));
            let remedy = format!("a deleted record leaves no trace; {remedy}");
            flaw(!is_set, (setting, "off"), remedy)
        };
        vec![
            flaw(
                found.subjects != [&all[..]],
                ("subjects", &format!("{:?}", found.subjects)),
                format!("they must be `{all}` alone; use another bucket"),
            ),
            flaw(
                !max_age.is_zero(),
                ("max_age", &format!("{max_age:?}")),
                format!(
                    "the server removes records of live owners; {}",
                    edit("--max-age=0s")
                ),
            ),
            flaw(
                found.max_msgs_per_subject != 1,
                (
                    "max_msgs_per_subject",
                    &found.max_msgs_per_subject.to_string(),
                ),
                format!("it must be 1; {}", edit("--max-msgs-per-subject=1")),
            ),
            full("max_msgs", found.max_msgs),
            full("max_bytes", found.max_bytes),
            deny(found.deny_delete, "deny_delete", "deny-delete"),
            deny(found.deny_purge, "deny_purge", "deny-purge"),
        ]
    }

    fn config(&self, new: Config) -> Config {
        Config {
            description: Some("shards of noleader".to_owned()),
            deny_purge: true,
            // Servers before 2.11 ignore it.
            allow_message_ttl: true,
            ..new
        }
    }

    fn command(&self, bucket: &str) -> String {
        format!(
            "nats stream add KV_{bucket} --subjects='$KV.{bucket}.>' --max-msgs-per-subject=1 --discard=new \
             --deny-delete --deny-purge --allow-msg-ttl --first-sequence=$(date +%s%3N) --defaults"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::jetstream::bucket::{
        fitness::tests::{HARMLESS, UNFIT, unmet},
        tests::new_config,
    };

    #[test]
    fn new_bucket_meets_its_own_needs_also_with_harmless_settings() {
        for settings in HARMLESS {
            assert_eq!(unmet(&ManyKeys, new_config(&ManyKeys), settings), None);
        }
        let on_2_10 = r#"{"allow_msg_ttl":false}"#;
        assert_eq!(unmet(&ManyKeys, new_config(&ManyKeys), on_2_10), None);
    }

    #[test]
    fn unfit_settings_are_named() {
        for (settings, setting) in UNFIT.into_iter().chain([
            (r#"{"subjects":["$KV.orders.>","a"]}"#, "subjects"),
            (r#"{"subjects":["$KV.orders.*"]}"#, "subjects"),
            (r#"{"subjects":["$KV.>"]}"#, "subjects"),
            (r#"{"subjects":[]}"#, "subjects"),
            (r#"{"max_age":86400000000000}"#, "max_age"),
            (r#"{"max_msgs_per_subject":2}"#, "max_msgs_per_subject"),
            (r#"{"max_msgs_per_subject":-1}"#, "max_msgs_per_subject"),
            (r#"{"max_msgs":1000000}"#, "max_msgs"),
            (r#"{"max_bytes":1000000}"#, "max_bytes"),
            (r#"{"deny_delete":false}"#, "deny_delete"),
            (r#"{"deny_purge":false}"#, "deny_purge"),
        ]) {
            let found = unmet(&ManyKeys, new_config(&ManyKeys), settings);
            assert_eq!(found, Some(setting), "{settings}");
        }
    }
}

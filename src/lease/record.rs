use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// The version of the record's layout that this crate writes and reads.
const VERSION: u32 = 1;

/// The shortest lease that a record may name.
pub const MIN_LEASE: Duration = Duration::from_millis(200);

/// The longest lease that a record may name. A longer one is taken for garbage, so that one bad write
/// cannot block an election for ever.
pub const MAX_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest record that is looked into, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// The largest token that is believed. The rest of the range keeps `token + 1` from overflowing.
const MAX_TOKEN: u64 = u64::MAX / 2;

/// What stands in the key: who holds the lease, for how long, and with which fencing token.
///
/// It is JSON, so that `nats kv get` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    #[serde(rename = "v")]
    version: u32,
    /// The holder's id; none in a released record.
    pub holder: Option<String>,
    /// The nonce of the process that wrote the record, new at every start.
    pub session: String,
    /// Where the holder can be reached, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    lease_ms: u64,
    /// The term's fencing token; 0 in an acquiring write, whose revision is not known yet.
    pub token: u64,
    /// The highest token that the writer knew of when it wrote.
    pub floor: u64,
    /// How often the term has been renewed.
    pub renewal: u64,
}

impl Record {
    /// An acquiring record of the candidate `holder`.
    #[must_use]
    pub fn acquiring(
        holder: &str,
        session: &str,
        address: Option<&str>,
        lease: Duration,
        floor: u64,
    ) -> Self {
        Self {
            version: VERSION,
            holder: Some(holder.to_owned()),
            session: session.to_owned(),
            address: address.map(str::to_owned),
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            token: 0,
            floor,
            renewal: 0,
        }
    }

    /// The same record for a further renewal of the term `token`.
    #[must_use]
    pub fn renewed(self, token: u64, renewal: u64) -> Self {
        Self {
            token,
            renewal,
            ..self
        }
    }

    /// The same record without a holder.
    #[must_use]
    pub fn released(self, token: u64) -> Self {
        Self {
            holder: None,
            address: None,
            token,
            ..self
        }
    }

    /// The lease that the record names.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// The fencing token of the term that this record belongs to, if it stands at `revision`.
    #[must_use]
    pub fn token_at(&self, revision: u64) -> u64 {
        match self.token {
            0 => token_of(revision, self.floor),
            token => token,
        }
    }

    /// The record as it is written to the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // A struct of strings and numbers always serializes.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`Garbage`] if the bytes are no record of this version, or name an impossible lease or token.
    pub fn decode(bytes: &[u8]) -> Result<Self, Garbage> {
        if bytes.len() > MAX_BYTES {
            return Err(Garbage(format!("{} bytes long", bytes.len())));
        }
        let record: Self =
            serde_json::from_slice(bytes).map_err(|error| Garbage(error.to_string()))?;
        if record.version != VERSION {
            return Err(Garbage(format!("version {}", record.version)));
        }
        if !(MIN_LEASE..=MAX_LEASE).contains(&record.lease()) {
            return Err(Garbage(format!("a lease of {} ms", record.lease_ms)));
        }
        if record.token > MAX_TOKEN || record.floor > MAX_TOKEN {
            return Err(Garbage("a token out of range".to_owned()));
        }
        Ok(record)
    }
}

/// The token of a term that was acquired by the write at `revision`, if `floor` is the highest earlier
/// token.
#[must_use]
pub(super) fn token_of(revision: u64, floor: u64) -> u64 {
    revision.max(floor.saturating_add(1))
}

/// Why the bytes in the key are no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbage(String);

impl fmt::Display for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::acquiring(
            "node-7",
            "nonce",
            Some("http://10.0.0.7:8080"),
            Duration::from_secs(15),
            41,
        )
    }

    #[test]
    fn is_json_that_an_operator_can_read() {
        assert_eq!(
            String::from_utf8(record().renewed(42, 3).encode()).unwrap(),
            r#"{"v":1,"holder":"node-7","session":"nonce","address":"http://10.0.0.7:8080","lease_ms":15000,"token":42,"floor":41,"renewal":3}"#
        );
        assert_eq!(
            String::from_utf8(record().released(42).encode()).unwrap(),
            r#"{"v":1,"holder":null,"session":"nonce","lease_ms":15000,"token":42,"floor":41,"renewal":0}"#
        );
    }

    #[test]
    fn survives_a_round_trip() {
        for record in [record(), record().renewed(42, 3), record().released(42)] {
            assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn an_acquiring_record_has_the_token_of_its_revision() {
        assert_eq!(record().token_at(100), 100);
        assert_eq!(record().token_at(7), 42);
        assert_eq!(record().renewed(42, 1).token_at(100), 42);
    }

    #[test]
    fn refuses_what_is_no_record() {
        let text = |text: &str| Record::decode(text.as_bytes()).unwrap_err().to_string();
        let good = r#"{"v":1,"holder":null,"session":"s","lease_ms":1000,"token":0,"floor":0,"renewal":0}"#;
        assert!(Record::decode(good.as_bytes()).is_ok());
        assert_eq!(text(&good.replace(r#""v":1"#, r#""v":2"#)), "version 2");
        assert_eq!(text(&good.replace("1000", "199")), "a lease of 199 ms");
        assert_eq!(text(&good.replace("1000", "86400001")), "a lease of 86400001 ms");
        assert_eq!(
            text(&good.replace(r#""token":0"#, r#""token":18446744073709551615"#)),
            "a token out of range"
        );
        assert_eq!(
            text(&good.replace(r#""floor":0"#, r#""floor":9223372036854775808"#)),
            "a token out of range"
        );
        assert!(text("").contains("EOF"));
        assert!(text("leader").contains("expected"));
        assert_eq!(text(&" ".repeat(8193)), "8193 bytes long");
    }
}

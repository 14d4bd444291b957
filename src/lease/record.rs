use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize};

use super::own_writes::{self, WriteId};
use crate::names::Address;

/// The version of the record's layout that this crate writes.
///
/// A new optional field does not change it, because unknown fields are ignored. It changes only when an older reader
/// would misjudge safety. Such a reader then relies on the lease, the token and the floor alone, under any version.
const VERSION: u32 = 1;

/// The shortest lease that a record may name.
pub const MIN_LEASE: Duration = Duration::from_millis(200);

/// The longest lease that a record may name. A record with a longer lease is garbage, so that one bad write cannot
/// block an election without end.
pub const MAX_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest record that is parsed, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// By how much a token may exceed its record's revision. A token may be a time in ms, which is below 2^43 until the
/// year 2248, and revisions may start at 1. The bound is relative to the revision and leaves room for all later tokens,
/// so that one bad write cannot make every later record garbage.
const MAX_TOKEN_LEAD: u64 = 1 << 48;

/// The record in the key: the holder of the lease, its duration and its fencing token.
///
/// It is JSON, so that `nats kv get` shows it to operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    #[serde(rename = "v")]
    version: u32,
    /// The holder's id, or none in a released or vacant record.
    pub holder: Option<String>,
    /// The key was found absent: the lease has no known holder and was not released. Candidates wait as for a holder.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vacant: bool,
    /// The nonce of the process that wrote the record, new at every start.
    pub session: String,
    /// The address that the holder publishes. Any client with access to the bucket can write it, and an invalid address
    /// is ignored.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "address"
    )]
    pub address: Option<Address>,
    lease_ms: u64,
    /// The term's fencing token, or 0 in an acquiring write, whose revision is not known yet.
    pub token: u64,
    /// The highest token that the writer knew of. In an acquiring write, its wall clock's milliseconds minus one, if
    /// that is larger.
    pub floor: u64,
    /// The number of renewals of the term.
    pub renewal: u64,
    /// The id of this write. None in a record of a version that had no ids.
    #[serde(
        rename = "write",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "own_writes::deserialize"
    )]
    pub write_id: Option<WriteId>,
}

impl Record {
    /// Creates an acquiring record of the candidate `holder`.
    #[must_use]
    pub fn acquiring(
        holder: &str,
        session: &str,
        address: Option<&Address>,
        lease: Duration,
        floor: u64,
    ) -> Self {
        Self {
            version: VERSION,
            holder: Some(holder.to_owned()),
            vacant: false,
            session: session.to_owned(),
            address: address.cloned(),
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            token: 0,
            floor,
            renewal: 0,
            write_id: None,
        }
    }

    /// The record of a later version: a lease of a holder that this version cannot name.
    fn later(version: u32, later: &Later) -> Self {
        Self {
            version,
            holder: None,
            vacant: false,
            session: String::new(),
            address: None,
            lease_ms: later.lease_ms,
            token: later.token,
            floor: later.floor,
            renewal: 0,
            write_id: None,
        }
    }

    /// Whether a later version wrote the record. It counts as held, whatever else it says: its release or its mark may
    /// have another meaning.
    #[must_use]
    pub fn is_later(&self) -> bool {
        self.version > VERSION
    }

    /// The record with the id of its write.
    #[must_use]
    pub fn written_as(self, id: WriteId) -> Self {
        Self {
            write_id: Some(id),
            ..self
        }
    }

    /// The record of the renewal number `renewal` of the term `token`.
    #[must_use]
    pub fn renewed(self, token: u64, renewal: u64) -> Self {
        Self {
            token,
            renewal,
            ..self
        }
    }

    /// The record that releases the term `token`.
    #[must_use]
    pub fn released(self, token: u64) -> Self {
        Self {
            holder: None,
            address: None,
            token,
            ..self
        }
    }

    /// The record that marks the key as vacant, to be honoured for `lease`.
    #[must_use]
    pub fn vacant(self, lease: Duration) -> Self {
        Self {
            vacant: true,
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            ..self.released(0)
        }
    }

    /// The lease that the record names.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// The fencing token of the record's term, if the record is at `revision`. The token of an acquiring write is its
    /// revision, or one more than the floor if that is larger.
    #[must_use]
    pub fn token_at(&self, revision: u64) -> u64 {
        match self.token {
            0 if self.holder.is_none() && !self.is_later() => self.floor,
            0 => revision.max(self.floor.saturating_add(1)),
            token => token,
        }
    }

    /// The content of the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // A struct of strings and numbers always serializes.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Parses the content of the key at `revision`.
    ///
    /// # Errors
    ///
    /// [`Garbage`] if the bytes are not a record of this or a later version, or if its lease or token is out of range.
    pub fn decode(revision: u64, bytes: &[u8]) -> Result<Self, Garbage> {
        let record = match version(bytes)? {
            VERSION => parse(bytes)?,
            later => Self::later(later, &parse(bytes)?),
        };
        check_lease(record.lease_ms)?;
        check_tokens(revision, record.token, record.floor)?;
        Ok(record)
    }
}

/// The version of the layout of a record, which is at least 1.
pub(crate) fn version(bytes: &[u8]) -> Result<u32, Garbage> {
    if bytes.len() > MAX_BYTES {
        return Err(Garbage(format!("too long: {} bytes", bytes.len())));
    }
    match parse::<Version>(bytes)?.version {
        0 => Err(Garbage("unsupported version 0".to_owned())),
        version => Ok(version),
    }
}

pub(crate) fn check_lease(lease_ms: u64) -> Result<(), Garbage> {
    if (MIN_LEASE..=MAX_LEASE).contains(&Duration::from_millis(lease_ms)) {
        return Ok(());
    }
    Err(Garbage(format!("lease out of range: {lease_ms} ms")))
}

/// Checks the token and the floor of a record at `revision`.
pub(crate) fn check_tokens(revision: u64, token: u64, floor: u64) -> Result<(), Garbage> {
    let most = revision.saturating_add(MAX_TOKEN_LEAD);
    if token > most || floor >= most {
        return Err(Garbage("token out of range".to_owned()));
    }
    Ok(())
}

/// The part of a record that says how to read the rest.
#[derive(Deserialize)]
struct Version {
    #[serde(rename = "v")]
    version: u32,
}

/// The part of a record that keeps its meaning in every later version.
#[derive(Deserialize)]
struct Later {
    lease_ms: u64,
    #[serde(default)]
    token: u64,
    #[serde(default)]
    floor: u64,
}

pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Garbage> {
    serde_json::from_slice(bytes).map_err(|error| Garbage(error.to_string()))
}

/// Reads an address, or none if it is invalid.
pub(crate) fn address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Address>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| Address::parse(text).ok()))
}

/// Why the content of the key is not a valid record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbage(String);

impl Garbage {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

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
            Some(&Address::parse("http://10.0.0.7:8080").unwrap()),
            Duration::from_secs(15),
            41,
        )
    }

    #[test]
    fn encodes_as_readable_json() {
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
    fn an_invalid_write_id_is_none() {
        let id = WriteId::from_bits(0xab);
        let written = record().written_as(id);
        let text = String::from_utf8(written.encode()).unwrap();
        assert!(text.ends_with(r#","renewal":0,"write":"000000000000000000000000000000ab"}"#));
        let decoded = |text: &str| Record::decode(50, text.as_bytes()).unwrap().write_id;
        assert_eq!(decoded(&text), Some(id));
        assert_eq!(decoded(&text.replace("00ab", "00xy")), None);
        assert_eq!(
            decoded(&text.replace(r#""0000000000"#, r#""10000000000"#)),
            None
        );
    }

    #[test]
    fn survives_a_round_trip() {
        let vacant = record().vacant(Duration::from_secs(20));
        for record in [
            record(),
            record().renewed(42, 3),
            record().released(42),
            record().written_as(WriteId::from_bits(u128::MAX)),
            vacant,
        ] {
            assert_eq!(Record::decode(50, &record.encode()), Ok(record));
        }
    }

    #[test]
    fn an_acquiring_record_derives_token_from_revision() {
        assert_eq!(record().token_at(100), 100);
        assert_eq!(record().token_at(7), 42);
        assert_eq!(record().renewed(42, 1).token_at(100), 42);
        assert_eq!(record().vacant(MIN_LEASE).token_at(100), 41);
    }

    const GOOD: &str =
        r#"{"v":1,"holder":null,"session":"s","lease_ms":1000,"token":0,"floor":0,"renewal":0}"#;

    #[test]
    fn decode_accepts_values_at_the_limits() {
        let most = 9 + (1_u64 << 48);
        for good in [
            GOOD.to_owned(),
            GOOD.replace("1000", "200"),
            GOOD.replace("1000", "86400000"),
            GOOD.replace(r#""token":0"#, &format!(r#""token":{most}"#)),
            GOOD.replace(r#""floor":0"#, &format!(r#""floor":{}"#, most - 1)),
            format!("{GOOD:8192}"),
        ] {
            assert!(Record::decode(9, good.as_bytes()).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_invalid_address_is_ignored() {
        let address = |address: &str| {
            let text = GOOD.replace(r#""session""#, &format!(r#""address":{address},"session""#));
            let record = Record::decode(9, text.as_bytes()).unwrap();
            record.address.map(|address| address.to_string())
        };
        assert_eq!(address(r#""http://h:1""#).as_deref(), Some("http://h:1"));
        assert_eq!(address(r#""http://u:p@h:1""#), None);
        assert_eq!(address(r#""h:1\r\nx: y""#), None);
        assert_eq!(address("null"), None);
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let more = GOOD.replace(r#""session""#, r#""priority":[1,{"a":2}],"session""#);
        assert_eq!(
            Record::decode(9, more.as_bytes()),
            Record::decode(9, GOOD.as_bytes())
        );
    }

    #[test]
    fn a_later_version_is_read_for_its_lease() {
        let decode = |text: &str| Record::decode(9, text.as_bytes());
        let text =
            r#"{"v":2,"holder":{"a":1},"lease_ms":1000,"token":20,"floor":30,"session":null}"#;
        let later = decode(text).unwrap();
        assert_eq!(
            (later.lease().as_millis(), later.token, later.floor),
            (1000, 20, 30)
        );
        assert_eq!((later.token_at(9), later.holder.as_deref()), (20, None));
        let least = decode(r#"{"v":4294967295,"lease_ms":1000}"#).unwrap();
        assert_eq!(least.token_at(9), 9);
        for record in [later, least] {
            assert_eq!(Record::decode(9, &record.encode()), Ok(record));
        }
        let error = |text: &str| decode(text).unwrap_err().to_string();
        assert_eq!(
            error(&text.replace("1000", "199")),
            "lease out of range: 199 ms"
        );
        let token = 10 + (1_u64 << 48);
        assert_eq!(
            error(&text.replace(":20", &format!(":{token}"))),
            "token out of range"
        );
        assert!(error(r#"{"v":2}"#).contains("missing field `lease_ms`"));
    }

    #[test]
    fn decode_rejects_garbage() {
        let text = |text: &str| Record::decode(9, text.as_bytes()).unwrap_err().to_string();
        let good = GOOD;
        assert_eq!(
            text(&good.replace(r#""v":1"#, r#""v":0"#)),
            "unsupported version 0"
        );
        assert!(text(&good.replace(r#""v":1"#, r#""v":"2""#)).contains("invalid type"));
        assert!(text(r#"{"lease_ms":1000}"#).contains("missing field `v`"));
        assert_eq!(
            text(&good.replace("1000", "199")),
            "lease out of range: 199 ms"
        );
        assert_eq!(
            text(&good.replace("1000", "86400001")),
            "lease out of range: 86400001 ms"
        );
        assert_eq!(
            text(&good.replace(r#""token":0"#, r#""token":18446744073709551615"#)),
            "token out of range"
        );
        let floor = |floor: u64| good.replace(r#""floor":0"#, &format!(r#""floor":{floor}"#));
        assert_eq!(text(&floor(9 + (1 << 48))), "token out of range");
        assert!(text("").contains("EOF"));
        assert!(text("leader").contains("expected"));
        assert_eq!(text(&" ".repeat(8193)), "too long: 8193 bytes");
    }
}

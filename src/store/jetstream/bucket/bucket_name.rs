use std::fmt;

use crate::error::ConfigError;

/// The server allows 255 letters for the name of a stream, which begins with `KV_`, and names files after it.
const LONGEST: usize = 250;

/// The name of a KeyValue bucket: letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BucketName(String);

impl BucketName {
    pub(crate) fn parse(name: &str) -> Result<Self, ConfigError> {
        let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.len() > LONGEST {
            return Err(ConfigError::too_long("bucket", name, LONGEST));
        }
        if !name.is_empty() && name.chars().all(is_valid) {
            return Ok(Self(name.to_owned()));
        }
        let bound = "it must be one or more letters, digits, `-` or `_`";
        Err(ConfigError::new("bucket", format_args!("{name:?}"), bound))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_names_that_nats_accepts() {
        for name in ["orders", "ORDERS_2-b", "7"] {
            assert_eq!(BucketName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn parse_rejects_other_names() {
        for name in ["", "a b", "a.b", "a*", "a>", "ä"] {
            assert_eq!(BucketName::parse(name).unwrap_err().setting(), "bucket");
        }
    }

    #[test]
    fn parse_rejects_long_names() {
        assert!(BucketName::parse(&"b".repeat(250)).is_ok());
        let error = BucketName::parse(&"b".repeat(251)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`bucket` is 251 bytes long: it must be 250 bytes or less"
        );
    }
}

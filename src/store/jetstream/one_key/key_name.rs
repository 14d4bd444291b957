use crate::error::ConfigError;

/// nats-server closes the connection of a client that sends a line of more than 4096 bytes. The longest line creates a
/// consumer: it contains the prefix of the API, the bucket twice, the key, and the client's inbox.
const LONGEST: usize = 1024;

/// The name of a key in a KeyValue bucket: parts of letters, digits, `-`, `/`, `_` and `=`, separated by single dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyName(String);

impl KeyName {
    pub(crate) fn parse(name: &str) -> Result<Self, ConfigError> {
        let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_' | '=');
        if name.len() > LONGEST {
            return Err(ConfigError::too_long("key", name, LONGEST));
        }
        let mut parts = name.split('.');
        if parts.all(|part| !part.is_empty() && part.chars().all(is_valid)) {
            return Ok(Self(name.to_owned()));
        }
        let bound =
            "it must be parts of letters, digits, `-`, `/`, `_` and `=`, separated by single dots";
        Err(ConfigError::new("key", format_args!("{name:?}"), bound))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_names_that_nats_accepts() {
        for name in ["writer", "a.b-c/d_e=f", "7"] {
            assert_eq!(KeyName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn parse_rejects_other_names() {
        for name in ["", "a b", ".a", "a.", "a..b", "a*", "a.>", "ä"] {
            assert_eq!(KeyName::parse(name).unwrap_err().setting(), "key", "{name}");
        }
    }

    #[test]
    fn parse_rejects_long_names() {
        assert!(KeyName::parse(&"k".repeat(1024)).is_ok());
        let error = KeyName::parse(&"k".repeat(1025)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`key` is 1025 bytes long: it must be 1024 bytes or less"
        );
    }
}

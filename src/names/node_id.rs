use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::ConfigError;

/// The longest id, in bytes.
const MAX_LEN: usize = 256;

/// The name of a node for operators: 1 to 256 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(String);

impl NodeId {
    /// Parses the name of this node.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the setting `id`.
    pub fn parse(id: impl Into<String>) -> Result<Self, ConfigError> {
        let id = id.into();
        if !id.is_empty() && id.len() <= MAX_LEN && !id.chars().any(char::is_control) {
            return Ok(Self(id));
        }
        let bound = format!("it must be 1 to {MAX_LEN} bytes long, without control characters");
        Err(ConfigError::new("id", format_args!("{id:?}"), bound))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_readable_names() {
        for id in ["node-7", "Knoten ä", &"x".repeat(256)] {
            assert_eq!(NodeId::parse(id).unwrap().as_str(), id);
        }
    }

    #[test]
    fn parse_rejects_other_names() {
        for id in ["", "a\nb", &"x".repeat(257)] {
            assert_eq!(NodeId::parse(id).unwrap_err().setting(), "id", "{id:?}");
        }
    }
}

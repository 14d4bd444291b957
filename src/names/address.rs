use std::{fmt, net::IpAddr, sync::Arc};

use http::Uri;
use serde::{Serialize, Serializer};

use crate::error::ConfigError;

/// The longest address, in bytes.
const MAX_LEN: usize = 1024;

/// The address of a node: an absolute URI with a host, and without user or password. Clones are cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Arc<Parsed>);

#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    /// The original text. `Uri` adds a path of `/` if there is none.
    text: String,
    uri: Uri,
}

impl Address {
    /// Parses the address of this node, or an address that another node published.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the setting `address`.
    pub fn parse(text: impl Into<String>) -> Result<Self, ConfigError> {
        let text = text.into();
        let bound = |bound: &str| ConfigError::new("address", format_args!("{text:?}"), bound);
        if text.len() > MAX_LEN {
            return Err(bound("it must be at most 1024 bytes long"));
        }
        let uri: Uri = text
            .parse()
            .map_err(|error| bound(&format!("it must be a URI ({error})")))?;
        let (Some(_), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(bound(
                "it must be an absolute URI, such as `http://10.0.0.7:8080`",
            ));
        };
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(bound("it must name a host, without a user or a password"));
        }
        if is_unspecified(authority.host()) {
            return Err(bound("it must name a host that other nodes can reach"));
        }
        Ok(Self(Arc::new(Parsed { text, uri })))
    }

    /// The original text of the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The address as a URI.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.0.uri
    }
}

/// Whether a host is the address that a server listens on for every interface, at which no other node reaches it.
fn is_unspecified(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches([']', '.']);
    host.parse()
        .is_ok_and(|ip: IpAddr| ip.to_canonical().is_unspecified())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_absolute_uris_with_a_host() {
        for text in [
            "http://10.0.0.7:8080",
            "https://node-7.example/base",
            "nats://[::1]:4222",
            // The longest one.
            &format!("http://h/{}", "x".repeat(1024 - 9)),
        ] {
            assert_eq!(Address::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn parse_rejects_anything_else() {
        for text in [
            "",
            "10.0.0.7:8080",
            "/orders",
            "http://0.0.0.0:8080",
            "http://[::]:8080",
            "http://[::ffff:0.0.0.0]",
            "http://0.0.0.0.:8080",
            "http://",
            "http://user:secret@host/",
            "http://host/\r\nx: y",
            "not a uri",
            &format!("http://h/{}", "x".repeat(1024 - 8)),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.setting(), "address", "{text}");
        }
    }
}

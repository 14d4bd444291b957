use std::net::Ipv6Addr;

use http::Uri;

/// Scheme, host and port in a normal form, so that two addresses of one server compare as equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::middleware) struct Origin {
    https: bool,
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    V6(Ipv6Addr),
}

impl Origin {
    /// The origin of an absolute http(s) URI without user info.
    pub(in crate::middleware) fn of(uri: &Uri) -> Option<Self> {
        let https = match uri.scheme_str()? {
            scheme if scheme.eq_ignore_ascii_case("http") => false,
            scheme if scheme.eq_ignore_ascii_case("https") => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let port = match authority.port_u16() {
            Some(port) => port,
            None if has_no_port(authority.as_str()) => {
                if https {
                    443
                } else {
                    80
                }
            }
            None => return None,
        };
        Some(Self {
            https,
            host: Host::parse(authority.host())?,
            port,
        })
    }
}

impl Host {
    fn parse(host: &str) -> Option<Self> {
        if let Some(address) = host.strip_prefix('[') {
            return address.strip_suffix(']')?.parse().ok().map(Self::V6);
        }
        // A trailing dot makes a name absolute. It still names the same host.
        let name = host.strip_suffix('.').unwrap_or(host);
        (!name.is_empty()).then(|| Self::Name(name.to_ascii_lowercase()))
    }
}

/// True also for an authority that ends with a colon, whose port is empty.
fn has_no_port(authority: &str) -> bool {
    authority.ends_with([']', ':']) || !authority.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(uri: &str) -> Option<Origin> {
        Origin::of(&uri.parse().ok()?)
    }

    #[test]
    fn spellings_of_one_origin_are_equal() {
        for (a, b) in [
            ("http://h", "http://h:80/"),
            ("https://h", "https://h:443/base"),
            ("http://h:", "http://h"),
            ("HTTP://Node.Example:8080", "http://node.example:8080/"),
            ("http://node.example.", "http://node.example"),
            ("http://[::1]:80", "http://[0:0:0:0:0:0:0:1]"),
        ] {
            assert!(origin(a).is_some(), "{a}");
            assert_eq!(origin(a), origin(b), "{a} {b}");
        }
    }

    #[test]
    fn different_origins_are_not_equal() {
        let base = origin("http://h:8080");
        for other in [
            "https://h:8080",
            "http://h:8081",
            "http://i:8080",
            "http://h",
        ] {
            assert_ne!(base, origin(other), "{other}");
        }
    }

    #[test]
    fn an_unusable_uri_has_no_origin() {
        for uri in [
            "/path",
            "h:8080",
            "ftp://h",
            "nats://h:4222",
            "http://user@h",
            "http://user:password@h",
            "http://h:99999",
            "http://h:http",
            "http://[::1",
            "http://[x]",
            "http://.",
        ] {
            assert_eq!(origin(uri), None, "{uri}");
        }
    }
}

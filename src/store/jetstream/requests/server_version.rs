use std::fmt;

use crate::store::error::StoreError;

/// The oldest supported server, and the oldest that is tested. 2.10.19 accepts a compare-and-set that it must reject,
/// and 2.10.20 to 2.10.22 may lose a whole stream when the process is killed.
const OLDEST: ServerVersion = ServerVersion::release(2, 10, 25);

/// A version of nats-server. A version with a suffix, such as `2.11.0-preview.1`, comes before its release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerVersion {
    numbers: [u32; 3],
    is_release: bool,
}

impl ServerVersion {
    const fn release(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            numbers: [major, minor, patch],
            is_release: true,
        }
    }

    /// Parses `2.15.1`, `v2.15.1`, `2.15` and `2.15.1-beta.1`.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, _build) = text.split_once('+').unwrap_or((text, ""));
        let (text, is_release) = match text.split_once('-') {
            Some((text, _suffix)) => (text, false),
            None => (text, true),
        };
        let mut parts = text.split('.').map(|part| part.parse().ok());
        let numbers = [
            parts.next()??,
            parts.next()??,
            parts.next().unwrap_or(Some(0))?,
        ];
        parts.next().is_none().then_some(Self {
            numbers,
            is_release,
        })
    }

    /// Rejects a server that is too old. Returns whether the version could be parsed: a server with another kind of
    /// version may be good.
    pub(crate) fn check(found: &str) -> Result<bool, StoreError> {
        match Self::parse(found) {
            Some(version) if version < OLDEST => Err(StoreError::ServerTooOld {
                found: found.to_owned(),
                needed: OLDEST.to_string(),
            }),
            version => Ok(version.is_some()),
        }
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_2_10_25_are_rejected() {
        for (version, accepted) in [
            ("1.4.1", false),
            ("2.9.25", false),
            ("2.10", false),
            ("2.10.0", false),
            ("v2.10.22", false),
            ("2.10.24", false),
            ("2.10.25-RC.1", false),
            ("2.10.25", true),
            ("2.10.25+build.7", true),
            ("v2.11.0-preview.2", true),
            ("2.15.1-beta.1", true),
            ("2.16.0-dev", true),
            ("2.100", true),
            ("3.0.0", true),
        ] {
            let checked = ServerVersion::check(version);
            assert_eq!(checked.is_ok(), accepted, "{version}");
            assert!(checked.unwrap_or(true), "{version}");
        }
    }

    #[test]
    fn another_kind_of_version_is_not_rejected() {
        for version in [
            "",
            "dev",
            "2",
            "2.x.1",
            "2.10.",
            "2.10.1.1",
            "-2.9.0",
            "2.9.99999999999",
        ] {
            assert!(!ServerVersion::check(version).unwrap(), "{version}");
        }
    }

    #[test]
    fn the_error_names_both_versions() {
        let error = ServerVersion::check("2.10.24").unwrap_err();
        let text = "nats-server 2.10.24 is too old: upgrade to 2.10.25 or later";
        assert_eq!(error.to_string(), text);
    }
}

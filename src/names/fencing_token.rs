use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The fencing token of a term, larger than those of all earlier terms of its election.
///
/// A storage that rejects tokens smaller than the largest it has seen is protected from a leader that was paused during
/// a write: see [`fencing`](crate::fencing). As text and in JSON, a token is a plain decimal number.
///
/// Tokens are not consecutive.
///
/// ```
/// use noleader::FencingToken;
///
/// let token: FencingToken = "42".parse()?;
/// assert_eq!(token, FencingToken::from(42));
/// assert!(token < FencingToken::from(43));
/// assert_eq!(token.to_string(), "42");
/// assert_eq!(u64::from(token), 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FencingToken(u64);

impl FencingToken {
    /// The token of no term.
    pub(crate) const ZERO: Self = Self(0);
}

impl From<u64> for FencingToken {
    fn from(token: u64) -> Self {
        Self(token)
    }
}

impl From<FencingToken> for u64 {
    fn from(token: FencingToken) -> Self {
        token.0
    }
}

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Each number has exactly one text: digits without sign or leading zeros.
impl FromStr for FencingToken {
    type Err = ParseTokenError;

    fn from_str(text: &str) -> Result<Self, ParseTokenError> {
        let is_plain = match text.as_bytes() {
            [b'0'] => true,
            [b'0', ..] => false,
            digits => digits.iter().all(u8::is_ascii_digit),
        };
        if !is_plain {
            return Err(ParseTokenError(()));
        }
        text.parse().map(Self).map_err(|_| ParseTokenError(()))
    }
}

/// The error of parsing a [`FencingToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("invalid fencing token: expected a 64-bit decimal number without sign or leading zeros")]
pub struct ParseTokenError(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_a_round_trip() {
        for number in [0, 1, 9, 10, 42, u64::MAX - 1, u64::MAX] {
            let token = FencingToken::from(number);
            assert_eq!(token.to_string().parse(), Ok(token));
            let json = serde_json::to_string(&token).unwrap();
            assert_eq!(json, number.to_string());
            assert_eq!(serde_json::from_str::<FencingToken>(&json).unwrap(), token);
        }
    }

    #[test]
    fn other_text_is_rejected() {
        for text in [
            "",
            " ",
            "+1",
            "-1",
            "-0",
            " 1",
            "1 ",
            "1\t",
            "01",
            "00",
            "0x1",
            "1e3",
            "1.0",
            "1_000",
            "1,2",
            "18446744073709551616",
            "\u{663}",
        ] {
            assert!(text.parse::<FencingToken>().is_err(), "{text:?}");
        }
    }
}

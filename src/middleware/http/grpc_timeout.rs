//! `grpc-timeout`: how long a gRPC client waits for a response.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request};

use super::answer::Form;
use crate::clock::Moment;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const MAX_DIGITS: usize = 8;
/// The units and their nanoseconds, from the finest.
const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

/// When a gRPC client stops waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::middleware) struct Deadline(Moment);

impl Deadline {
    /// The deadline of a request that arrives now. None without a valid timeout.
    pub(in crate::middleware) fn of<B>(request: &Request<B>, now: Moment) -> Option<Self> {
        let timeout = request.headers().get(GRPC_TIMEOUT)?;
        let timeout = parse(timeout).filter(|_| Form::of(request).is_grpc())?;
        Some(Self(now + timeout))
    }

    pub(in crate::middleware) fn at(self) -> Moment {
        self.0
    }

    /// Replaces the timeout by what is left of it.
    pub(in crate::middleware) fn shorten(self, headers: &mut HeaderMap, now: Moment) {
        // Cannot fail: digits and a letter.
        if let Ok(left) = HeaderValue::try_from(format(self.0.saturating_since(now))) {
            headers.insert(GRPC_TIMEOUT, left);
        }
    }
}

fn parse(value: &HeaderValue) -> Option<Duration> {
    let (unit, digits) = value.as_bytes().split_last()?;
    let (_, nanos) = UNITS.iter().find(|(name, _)| name == unit)?;
    // `parse` would accept a sign.
    let is_plain = digits.len() <= MAX_DIGITS && digits.iter().all(u8::is_ascii_digit);
    let digits = str::from_utf8(digits).ok().filter(|_| is_plain)?;
    Some(Duration::from_nanos(*nanos) * digits.parse::<u32>().ok()?)
}

/// Rounded down in the finest unit whose digits suffice, and at least 1: the specification has no zero.
fn format(left: Duration) -> String {
    let left = left.as_nanos().max(1);
    let fits = |nanos: u64| left / u128::from(nanos) < 10_u128.pow(8);
    let (unit, nanos) = UNITS
        .into_iter()
        .find(|(_, nanos)| fits(*nanos))
        .unwrap_or(UNITS[5]);
    format!("{}{}", left / u128::from(nanos), char::from(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Duration> {
        parse(&HeaderValue::from_bytes(text.as_bytes()).unwrap())
    }

    #[test]
    fn each_unit_is_parsed() {
        for (text, nanos) in [
            ("1n", 1),
            ("20u", 20_000),
            ("300m", 300_000_000),
            ("5S", 5_000_000_000),
            ("2M", 120_000_000_000),
            ("1H", 3_600_000_000_000),
            ("00000001n", 1),
            ("0S", 0),
        ] {
            assert_eq!(parsed(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        let longest = Duration::from_secs(99_999_999 * 3_600);
        assert_eq!(parsed("99999999H"), Some(longest));
    }

    #[test]
    fn anything_else_is_garbage() {
        for text in [
            "",
            "S",
            "1",
            "1s",
            "1 S",
            "-1S",
            "+1S",
            "1.5S",
            "100000000n",
            "1SS",
            "\u{f6}",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_rest_has_eight_digits() {
        for (nanos, text) in [
            (0, "1n"),
            (1, "1n"),
            (99_999_999, "99999999n"),
            (100_000_999, "100000u"),
            (4_999_999_999, "4999999u"),
            (3_600_000_000_000, "3600000m"),
            (u64::MAX, "5124095H"),
        ] {
            assert_eq!(format(Duration::from_nanos(nanos)), text, "{nanos}");
        }
    }

    #[test]
    fn only_grpc_has_a_deadline() {
        let request = |content_type| {
            let request = Request::post("/").header("content-type", content_type);
            request.header(GRPC_TIMEOUT, "1S").body(()).unwrap()
        };
        let now = Moment::from_nanos(7);
        let deadline = Some(Deadline(Moment::from_nanos(1_000_000_007)));
        for content_type in ["application/grpc", "application/grpc-web+proto"] {
            assert_eq!(Deadline::of(&request(content_type), now), deadline);
        }
        assert_eq!(Deadline::of(&request("application/json"), now), None);
        assert_eq!(Deadline::of(&Request::new(()), now), None);
    }

    #[test]
    fn the_timeout_is_shortened() {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_TIMEOUT, HeaderValue::from_static("1S"));
        let deadline = Deadline(Moment::from_nanos(1_000_000_000));
        deadline.shorten(&mut headers, Moment::from_nanos(600_000_000));
        assert_eq!(headers[GRPC_TIMEOUT], "400000u");
        deadline.shorten(&mut headers, Moment::from_nanos(2_000_000_000));
        assert_eq!(headers[GRPC_TIMEOUT], "1n");
    }
}

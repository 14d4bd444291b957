use http::{HeaderMap, HeaderName};
use thiserror::Error;

use crate::{names::FencingToken, task::Term};

/// The name of the header or gRPC metadata with a fencing token: a `u64` in plain decimal.
pub const FENCING_TOKEN: HeaderName = HeaderName::from_static("noleader-fencing-token");

impl Term {
    /// Adds the fencing token to the headers of a request to another service, as
    /// [`FENCING_TOKEN`](crate::fencing::FENCING_TOKEN).
    ///
    /// It replaces existing values, so that a handler that forwards its client's headers never sends a token of the
    /// client's choice. A term that has ended adds its token too, because the receiver decides whether the token is
    /// stale: see [`fencing`](crate::fencing).
    ///
    /// ```
    /// # fn example(term: noleader::Term) -> Result<(), http::Error> {
    /// let mut request = http::Request::put("http://storage/orders/1").body("a book")?;
    /// term.fence(request.headers_mut());
    /// # Ok(()) }
    /// ```
    ///
    /// With tonic, the headers are the request's metadata:
    ///
    /// ```
    /// # fn example(term: noleader::Term) {
    /// let mut request = tonic::Request::new("a book");
    /// term.fence(request.metadata_mut().as_mut());
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Panics like [`HeaderMap::insert`] if the map is full, with some 24,000 headers.
    pub fn fence(&self, headers: &mut HeaderMap) {
        headers.insert(FENCING_TOKEN, u64::from(self.token()).into());
    }
}

/// The error of a request without a valid fencing token.
///
/// It is an error of the client. Over HTTP, respond with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// There is no header with a token.
    #[error("the request has no header `noleader-fencing-token`")]
    Missing,
    /// There is more than one header with a token, even if they are equal.
    #[error("the request has more than one header `noleader-fencing-token`")]
    Repeated,
    /// The token is not a number as [`Term::fence`] writes it: digits only, without leading zeros.
    #[error("the header `noleader-fencing-token` is not a 64-bit number in plain decimal")]
    Malformed,
}

/// Reads the fencing token that [`Term::fence`] added to a request.
///
/// It is strict: it rejects a request with two tokens, or with a token that another parser may read as a different
/// number. With tonic, use `fencing::token(request.metadata().as_ref())`.
///
/// ```
/// use http::HeaderMap;
/// use noleader::fencing::{self, FENCING_TOKEN, TokenError};
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(fencing::token(&headers), Err(TokenError::Missing));
/// headers.insert(FENCING_TOKEN, "42".parse()?);
/// assert_eq!(fencing::token(&headers), Ok(42.into()));
/// headers.insert(FENCING_TOKEN, "+42".parse()?);
/// assert_eq!(fencing::token(&headers), Err(TokenError::Malformed));
/// # Ok::<(), http::Error>(())
/// ```
///
/// # Errors
///
/// [`TokenError`] if there is not exactly one valid token.
pub fn token(headers: &HeaderMap) -> Result<FencingToken, TokenError> {
    let mut values = headers.get_all(FENCING_TOKEN).iter();
    let value = values.next().ok_or(TokenError::Missing)?;
    if values.next().is_some() {
        return Err(TokenError::Repeated);
    }
    let text = value.to_str().map_err(|_| TokenError::Malformed)?;
    text.parse().map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let value = |bytes: &&[u8]| HeaderValue::from_bytes(bytes).unwrap();
        let values = values.iter().map(value);
        values.map(|value| (FENCING_TOKEN, value)).collect()
    }

    #[test]
    fn every_u64_is_accepted() {
        for expected in [0, 1, 9, 10, 42, u64::MAX - 1, u64::MAX] {
            let text = expected.to_string();
            assert_eq!(token(&headers(&[text.as_bytes()])), Ok(expected.into()));
        }
    }

    #[test]
    fn anything_but_plain_decimal_is_malformed() {
        for text in [
            &b""[..],
            b"+1",
            b"01",
            b"0x1",
            "\u{663}".as_bytes(),
            b"\xff",
        ] {
            let read = token(&headers(&[text]));
            assert_eq!(read, Err(TokenError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn missing_and_repeated_tokens_are_different_errors() {
        assert_eq!(token(&headers(&[])), Err(TokenError::Missing));
        assert_eq!(token(&headers(&[b"1", b"2"])), Err(TokenError::Repeated));
        assert_eq!(token(&headers(&[b"1", b"1"])), Err(TokenError::Repeated));
        assert_eq!(token(&headers(&[b"x", b"1"])), Err(TokenError::Repeated));
    }

    #[cfg(feature = "test-util")]
    mod of_a_term {
        use std::time::Duration;

        use super::*;
        use crate::{clock::FakeClock, task::HeldLease};

        const SECOND: Duration = Duration::from_secs(1);

        fn term(token: u64) -> (Term, FakeClock) {
            let clock = FakeClock::new();
            let lease = HeldLease::new(clock.now() + SECOND, clock.clone().into());
            let term = Term::new(token.into(), lease);
            (term, clock)
        }

        #[test]
        fn a_fenced_request_has_the_terms_token() {
            for expected in [1, 42, u64::MAX] {
                let mut written = HeaderMap::new();
                term(expected).0.fence(&mut written);
                assert_eq!(written, headers(&[expected.to_string().as_bytes()]));
                assert_eq!(token(&written), Ok(expected.into()));
            }
        }

        #[test]
        fn fence_replaces_forged_tokens_only() {
            let mut written = headers(&[b"18446744073709551615", b"7", b"\xff"]);
            written.insert("accept", HeaderValue::from_static("*/*"));
            term(8).0.fence(&mut written);
            let mut expected = headers(&[b"8"]);
            expected.insert("accept", HeaderValue::from_static("*/*"));
            assert_eq!(written, expected);
        }

        #[test]
        fn an_ended_term_still_adds_its_token() {
            let (term, clock) = term(7);
            clock.advance(SECOND);
            assert!(!term.is_current());
            let mut written = HeaderMap::new();
            term.fence(&mut written);
            assert_eq!(token(&written), Ok(7.into()));
        }
    }
}

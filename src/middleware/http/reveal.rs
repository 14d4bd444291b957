use http::{HeaderMap, HeaderName, HeaderValue};

use super::{answer::percent_encode, target::Target};
use crate::lease::LeaderInfo;

const LEADER: HeaderName = HeaderName::from_static("noleader-leader");
const LEADER_ADDRESS: HeaderName = HeaderName::from_static("noleader-leader-address");
/// The longest encoded id, in bytes. An id has at most 256 bytes, each of which may take three.
const MAX_ID: usize = 3 * 256;

/// Names the leader. Id and address come from a shared bucket, so a value that does not fit into a header is left out,
/// and so is an address to which a client could not be redirected.
pub(in crate::middleware) fn insert_leader(
    headers: &mut HeaderMap,
    leader: &LeaderInfo,
    target: &Target,
) {
    if let Some(id) = id_value(leader.id()) {
        headers.insert(LEADER, id);
    }
    let address = leader.address().filter(|_| target.base(leader).is_some());
    if let Some(address) = address.and_then(address_value) {
        headers.insert(LEADER_ADDRESS, address);
    }
}

fn id_value(id: &str) -> Option<HeaderValue> {
    let mut value = percent_encode(id);
    if value.starts_with(' ') || value.ends_with(' ') {
        // Recipients trim spaces at either end of a header value.
        value = value.replace(' ', "%20");
    }
    if value.is_empty() || value.len() > MAX_ID {
        return None;
    }
    HeaderValue::try_from(value).ok()
}

fn address_value(address: &str) -> Option<HeaderValue> {
    let address = HeaderValue::from_str(address).ok()?;
    // The path of an `http::Uri` may contain non-ASCII bytes.
    address.to_str().is_ok().then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Address;

    fn headers(id: &str, address: Option<&str>) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        let address = address.and_then(|address| Address::parse(address).ok());
        let leader = LeaderInfo::new(id.to_owned(), address, 1.into());
        insert_leader(&mut headers, &leader, &Target::default());
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect()
    }

    #[test]
    fn an_id_that_is_no_header_is_encoded() {
        for (id, value) in [
            ("node-7", "node-7"),
            ("node 7", "node 7"),
            ("7 \r\nset-cookie: a=b", "7 %0D%0Aset-cookie: a=b"),
            (" 7", "%207"),
            ("kn\u{f6}del", "kn%C3%B6del"),
            // Encoded as well, so that decoding always yields the id.
            ("100%", "100%25"),
        ] {
            let expected = ("noleader-leader".to_owned(), value.to_owned());
            assert_eq!(headers(id, None), [expected], "{id:?}");
        }
        assert_eq!(headers("", None), []);
        assert_eq!(headers(&"x".repeat(MAX_ID + 1), None), []);
        assert_eq!(headers(&"\u{f6}".repeat(128), None).len(), 1);
    }

    #[test]
    fn an_unusable_address_is_left_out() {
        let named = headers("a", Some("http://h:1/base"));
        assert_eq!(named[1].0, "noleader-leader-address");
        assert_eq!(named[1].1, "http://h:1/base");
        for address in [
            "",
            "h:1",
            "ftp://h",
            "http://user@h",
            "http://h\r\nx: y",
            "http://h/\u{f6}",
            &format!("http://h/{}", "x".repeat(1024)),
        ] {
            assert_eq!(headers("a", Some(address)).len(), 1, "{address:?}");
        }
    }
}

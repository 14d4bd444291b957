use http::{HeaderMap, HeaderName, HeaderValue};

use super::{answer::percent_encode, target::Target};
use crate::lease::LeaderInfo;

const LEADER: HeaderName = HeaderName::from_static("noleader-leader");
const LEADER_ADDRESS: HeaderName = HeaderName::from_static("noleader-leader-address");
/// The longest id that is named, in bytes as it stands in the header. A candidate's own has at most 256,
/// of which each may take three.
const MAX_ID: usize = 3 * 256;

/// Names the leader, as far as what stands in the bucket can stand in a header, and its address if a client
/// could be redirected there.
pub(super) fn insert_leader(headers: &mut HeaderMap, leader: &LeaderInfo, target: &Target) {
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
        // A header value loses the blanks around it on its way.
        value = value.replace(' ', "%20");
    }
    if value.is_empty() || value.len() > MAX_ID {
        return None;
    }
    HeaderValue::try_from(value).ok()
}

fn address_value(address: &str) -> Option<HeaderValue> {
    let address = HeaderValue::from_str(address).ok()?;
    // A URI may have bytes beyond ASCII in its path.
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
    fn an_id_is_encoded_where_a_header_cannot_hold_it() {
        for (id, value) in [
            ("node-7", "node-7"),
            ("node 7", "node 7"),
            ("7 \r\nset-cookie: a=b", "7 %0D%0Aset-cookie: a=b"),
            (" 7", "%207"),
            ("kn\u{f6}del", "kn%C3%B6del"),
            // So that what is decoded is always the id.
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
    fn an_address_that_is_none_is_left_out() {
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

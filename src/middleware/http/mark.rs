use http::{HeaderMap, HeaderName, HeaderValue};

use super::answer::percent_encode;
use crate::names::ElectionName;

/// One value for each election whose gate has forwarded the request and has not admitted it yet: the election, the
/// number of hops so far, and the id of the attempt, between spaces.
const FORWARDED: HeaderName = HeaderName::from_static("noleader-forwarded");
/// The id of an attempt that was not executed.
const REFUSED: HeaderName = HeaderName::from_static("noleader-refused");

/// The most hops of a request between nodes, through the gates of all elections.
const MAX_HOPS: u8 = 4;

/// An election in the marks of forwarded requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::middleware) struct Marking(String);

impl Marking {
    pub(in crate::middleware) fn of(election: &ElectionName) -> Self {
        let name = format!("{}/{}", election.bucket(), election.key());
        Self(percent_encode(&name).replace(' ', "%20"))
    }

    /// Whether a gate of this election has forwarded the request.
    pub(in crate::middleware) fn is_in(&self, headers: &HeaderMap) -> bool {
        self.id_in(headers).is_some()
    }

    /// The id of the attempt, if a gate of this election has forwarded the request.
    pub(in crate::middleware) fn id_in(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut marks = headers
            .get_all(FORWARDED)
            .into_iter()
            .filter_map(Mark::parse);
        let mark = marks.find(|mark| mark.election == self.0)?;
        HeaderValue::from_str(mark.id).ok()
    }

    /// Takes the marks of this election off, before a handler sees the request.
    #[inline]
    pub(in crate::middleware) fn remove_from(&self, headers: &mut HeaderMap) {
        if headers.contains_key(FORWARDED) {
            self.remove_some(headers);
        }
    }

    #[cold]
    fn remove_some(&self, headers: &mut HeaderMap) {
        let others: Vec<_> = headers.get_all(FORWARDED).into_iter().cloned().collect();
        headers.remove(FORWARDED);
        for value in others {
            if Mark::parse(&value).is_some_and(|mark| mark.election != self.0) {
                headers.append(FORWARDED, value);
            }
        }
    }

    /// Marks a request for the next hop. None if it has taken too many.
    pub(in crate::middleware) fn mark(&self, headers: &mut HeaderMap, id: u64) -> Option<Attempt> {
        let marks = headers.get_all(FORWARDED).into_iter();
        let hops = marks.filter_map(Mark::parse).map(|mark| mark.hops).max();
        let hops = hops.unwrap_or(0).saturating_add(1);
        if hops > MAX_HOPS {
            return None;
        }
        let value = format!("{} {hops} {id:016x}", self.0);
        headers.append(FORWARDED, HeaderValue::try_from(value).ok()?);
        Some(Attempt(id))
    }
}

struct Mark<'a> {
    election: &'a str,
    hops: u8,
    id: &'a str,
}

impl<'a> Mark<'a> {
    fn parse(value: &'a HeaderValue) -> Option<Self> {
        let mut parts = value.to_str().ok()?.split(' ');
        Some(Self {
            election: parts.next()?,
            hops: parts.next()?.parse().ok()?,
            id: parts.next()?,
        })
    }
}

/// One attempt to have a request executed by the leader.
pub(in crate::middleware) struct Attempt(u64);

impl Attempt {
    /// Whether a gate says that it has refused this attempt.
    pub(in crate::middleware) fn is_refused_by(&self, headers: &HeaderMap) -> bool {
        let id = format!("{:016x}", self.0);
        let mut refused = headers.get_all(REFUSED).into_iter();
        refused.any(|refused| *refused == id)
    }
}

/// Says in a response that this attempt was not executed.
pub(in crate::middleware) fn insert_refusal(headers: &mut HeaderMap, id: HeaderValue) {
    headers.append(REFUSED, id);
}

pub(in crate::middleware) fn remove_refusals(headers: &mut HeaderMap) {
    headers.remove(REFUSED);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn election(key: &str) -> Marking {
        Marking::of(&ElectionName::new("orders bucket", key))
    }

    #[test]
    fn each_election_has_its_own_mark() {
        let (a, b) = (election("a"), election("b"));
        let mut headers = HeaderMap::new();
        assert!(a.mark(&mut headers, 7).is_some() && !b.is_in(&headers));
        assert!(b.mark(&mut headers, 8).is_some());
        assert_eq!(a.id_in(&headers).unwrap(), "0000000000000007");
        a.remove_from(&mut headers);
        assert!(!a.is_in(&headers) && b.is_in(&headers));
        b.remove_from(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn hops_are_limited() {
        let mut headers = HeaderMap::new();
        for hop in 0..MAX_HOPS {
            let key = format!("{hop}");
            assert!(election(&key).mark(&mut headers, 1).is_some(), "{hop}");
        }
        assert!(election("last").mark(&mut headers, 1).is_none());
    }

    #[test]
    fn only_the_same_attempt_is_refused() {
        let a = election("a");
        let mut headers = HeaderMap::new();
        let (mut first, mut second) = (headers.clone(), headers.clone());
        let attempts = [a.mark(&mut first, 1), a.mark(&mut second, 2)].map(Option::unwrap);
        insert_refusal(&mut headers, a.id_in(&first).unwrap());
        assert_eq!(
            attempts.each_ref().map(|it| it.is_refused_by(&headers)),
            [true, false]
        );
    }

    #[test]
    fn garbage_is_no_mark() {
        let a = election("a");
        for garbage in [
            "",
            "1",
            "orders%20bucket/a",
            "orders%20bucket/a x 1",
            "\u{f6}",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                FORWARDED,
                HeaderValue::from_bytes(garbage.as_bytes()).unwrap(),
            );
            assert!(!a.is_in(&headers), "{garbage}");
            a.remove_from(&mut headers);
            assert!(headers.is_empty());
        }
    }
}

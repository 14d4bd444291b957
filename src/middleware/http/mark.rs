use std::{
    fmt::{self, Write},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request};

use super::answer::percent_encode;
use crate::names::{ElectionName, ShardId};

/// One value for each gate that has forwarded the request and has not admitted it yet, with the parts of a [`Mark`] and
/// spaces between them.
const FORWARDED: HeaderName = HeaderName::from_static("noleader-forwarded");
/// The id of an attempt that was not executed.
const REFUSED: HeaderName = HeaderName::from_static("noleader-refused");

/// The longest value without its election: three numbers, an id, and the spaces between them.
const REST_LEN: usize = 4 + 3 + 16 + 20 + 10;

/// The most hops of a request between nodes, through the gates of all elections.
const MAX_HOPS: u8 = 4;

/// An election, or a set of shards, in the marks of forwarded requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::middleware) struct Marking(String);

/// What a gate says of a request that it forwards.
#[derive(Debug, PartialEq, Eq)]
struct Mark<'a> {
    election: &'a str,
    hops: u8,
    /// The id of the attempt.
    id: &'a str,
    /// How many milliseconds the node goes on holding the request.
    holds_for: u64,
    /// The shard that the node found for the request, if there are many.
    shard: Option<u32>,
}

/// A request that another node has forwarded.
#[derive(Debug)]
pub(in crate::middleware) struct Forwarded {
    /// The id of the attempt.
    pub(in crate::middleware) id: HeaderValue,
    /// How long the other node goes on holding the request.
    pub(in crate::middleware) holds_for: Duration,
}

/// The hops of a request before its last admission. In its extensions, where a gate further inside finds it, and which a
/// handler does not pass on to another service.
#[derive(Clone, Copy, Debug)]
struct Hops(u8);

/// One attempt to have a request executed by the leader.
#[derive(Debug)]
pub(in crate::middleware) struct AttemptId(u64);

impl Marking {
    pub(in crate::middleware) fn of(election: &ElectionName) -> Self {
        let name = format!("{}/{}", election.bucket(), election.key());
        Self(percent_encode(&name).replace(' ', "%20"))
    }

    /// Whether a gate of this election has forwarded the request.
    pub(in crate::middleware) fn is_in(&self, headers: &HeaderMap) -> bool {
        marks(headers).any(|mark| mark.election == self.0)
    }

    /// What a gate of this election says of the request, if it has forwarded it.
    pub(in crate::middleware) fn find(&self, headers: &HeaderMap) -> Option<Forwarded> {
        let mark = marks(headers).find(|mark| mark.election == self.0)?;
        Some(Forwarded {
            id: HeaderValue::from_str(mark.id).ok()?,
            holds_for: Duration::from_millis(mark.holds_for),
        })
    }

    /// Whether a gate of these shards has forwarded the request that found another shard for it, or one where this node
    /// finds none.
    pub(in crate::middleware) fn is_disputed(
        &self,
        headers: &HeaderMap,
        shard: Option<ShardId>,
    ) -> bool {
        let shard = shard.map(ShardId::index);
        marks(headers).any(|mark| mark.election == self.0 && mark.shard != shard)
    }

    /// Takes the marks of this election off, before a service sees the request.
    pub(in crate::middleware) fn remove_from<B>(&self, request: &mut Request<B>) {
        let hops = hops(request);
        request.extensions_mut().insert(Hops(hops));
        let headers = request.headers_mut();
        let all: Vec<_> = headers.get_all(FORWARDED).into_iter().cloned().collect();
        headers.remove(FORWARDED);
        for value in all {
            if Mark::parse(&value).is_some_and(|mark| mark.election != self.0) {
                headers.append(FORWARDED, value);
            }
        }
    }

    /// Marks a request for the next hop, to the leader of `shard` if there are many. None if it has taken too many.
    pub(in crate::middleware) fn mark<B>(
        &self,
        request: &mut Request<B>,
        shard: Option<ShardId>,
        id: u64,
        holds_for: Duration,
    ) -> Option<AttemptId> {
        let hops = hops(request).saturating_add(1);
        if hops > MAX_HOPS {
            return None;
        }
        let id = AttemptId(id);
        let holds_for = u64::try_from(holds_for.as_millis()).unwrap_or(u64::MAX);
        let mut value = String::with_capacity(self.0.len() + REST_LEN);
        // Writing to a string cannot fail.
        let _ = write!(value, "{} {hops} {id} {holds_for}", self.0);
        if let Some(shard) = shard {
            let _ = write!(value, " {}", shard.index());
        }
        let value = HeaderValue::try_from(value).ok()?;
        request.headers_mut().append(FORWARDED, value);
        Some(id)
    }
}

/// Whether a gate of some election has forwarded the request.
#[inline]
pub(in crate::middleware) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED)
}

/// The hops of a request so far.
fn hops<B>(request: &Request<B>) -> u8 {
    let before = request.extensions().get().map_or(0, |Hops(hops)| *hops);
    let marked = marks(request.headers()).map(|mark| mark.hops).max();
    before.max(marked.unwrap_or(0))
}

fn marks(headers: &HeaderMap) -> impl Iterator<Item = Mark<'_>> {
    headers
        .get_all(FORWARDED)
        .into_iter()
        .filter_map(Mark::parse)
}

impl<'a> Mark<'a> {
    fn parse(value: &'a HeaderValue) -> Option<Self> {
        let mut parts = value.to_str().ok()?.split(' ');
        let mark = Self {
            election: parts.next()?,
            hops: parts.next()?.parse().ok()?,
            id: parts.next()?,
            holds_for: parts.next()?.parse().ok()?,
            shard: match parts.next() {
                Some(shard) => Some(shard.parse().ok()?),
                None => None,
            },
        };
        parts.next().is_none().then_some(mark)
    }
}

impl AttemptId {
    /// Whether a gate says that it has refused this attempt.
    pub(in crate::middleware) fn is_refused_by(&self, headers: &HeaderMap) -> bool {
        let mut refused = headers.get_all(REFUSED).into_iter();
        refused.any(|id| *id == self.to_string())
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
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

    const HOLDS_FOR: Duration = Duration::from_millis(1500);

    fn election(key: &str) -> Marking {
        Marking::of(&ElectionName::new("orders bucket", key))
    }

    #[test]
    fn each_election_has_its_own_mark() {
        let (a, b) = (election("a"), election("b"));
        let mut request = Request::new(());
        assert!(a.mark(&mut request, None, 7, HOLDS_FOR).is_some());
        assert!(a.is_in(request.headers()) && !b.is_in(request.headers()));
        assert!(b.mark(&mut request, None, 8, HOLDS_FOR).is_some());
        let forwarded = a.find(request.headers()).unwrap();
        assert_eq!(forwarded.id, "0000000000000007");
        assert_eq!(forwarded.holds_for, HOLDS_FOR);
        a.remove_from(&mut request);
        assert!(!a.is_in(request.headers()) && b.is_in(request.headers()));
        b.remove_from(&mut request);
        assert!(request.headers().is_empty());
    }

    #[test]
    fn a_mark_names_the_shard() {
        let (shards, other) = (election("a"), election("b"));
        let [first, second] = [1, 2].map(|index| Some(ShardId::new(index)));
        let mut request = Request::new(());
        assert!(shards.mark(&mut request, first, 7, HOLDS_FOR).is_some());
        let headers = request.headers();
        assert!(shards.is_in(headers) && shards.find(headers).is_some());
        assert!(!shards.is_disputed(headers, first));
        assert!(shards.is_disputed(headers, second) && shards.is_disputed(headers, None));
        assert!(!other.is_disputed(headers, second));
        shards.remove_from(&mut request);
        assert!(request.headers().is_empty());
    }

    #[test]
    fn hops_are_limited_and_survive_an_admission() {
        let mut request = Request::new(());
        for hop in 0..MAX_HOPS {
            let election = election(if hop % 2 == 0 { "a" } else { "b" });
            assert!(
                election.mark(&mut request, None, 1, HOLDS_FOR).is_some(),
                "{hop}"
            );
            election.remove_from(&mut request);
        }
        assert!(request.headers().is_empty());
        assert!(
            election("a")
                .mark(&mut request, None, 1, HOLDS_FOR)
                .is_none()
        );
    }

    #[test]
    fn only_the_same_attempt_is_refused() {
        let a = election("a");
        let (mut first, mut second) = (Request::new(()), Request::new(()));
        let one = a.mark(&mut first, None, 1, HOLDS_FOR).unwrap();
        let two = a.mark(&mut second, None, 2, HOLDS_FOR).unwrap();
        let mut headers = HeaderMap::new();
        insert_refusal(&mut headers, a.find(first.headers()).unwrap().id);
        assert!(one.is_refused_by(&headers) && !two.is_refused_by(&headers));
        remove_refusals(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn garbage_is_no_mark() {
        let a = election("a");
        for garbage in [
            "",
            "1",
            "orders%20bucket/a",
            "orders%20bucket/a 1 f",
            "orders%20bucket/a x 1 1",
            "orders%20bucket/a 256 1 1",
            "orders%20bucket/a 1 f 1 x",
            "orders%20bucket/a 1 f 1 1 1",
            "\u{f6}",
        ] {
            let mut request = Request::new(());
            let value = HeaderValue::from_bytes(garbage.as_bytes()).unwrap();
            request.headers_mut().insert(FORWARDED, value);
            assert!(!a.is_in(request.headers()), "{garbage}");
            a.remove_from(&mut request);
            assert!(request.headers().is_empty());
        }
    }
}

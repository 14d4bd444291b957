use std::{
    fmt, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators;

use super::body::{BoxBody, boxed};
use crate::error::BoxError;

/// A body that can be made from another one.
///
/// [`LeaderOnlyLayer::forward`](crate::LeaderOnlyLayer::forward) needs it of the client's request body. It is implemented
/// for the boxed bodies of http-body-util, for `axum::body::Body` with feature `axum`, and for `tonic::body::Body` with
/// feature `tonic`.
pub trait FromBody: Body + Send + 'static {
    /// Makes a body that yields the frames of `body`.
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static;
}

impl FromBody for combinators::BoxBody<Bytes, BoxError> {
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self::new(body)
    }
}

impl FromBody for combinators::UnsyncBoxBody<Bytes, BoxError> {
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self::new(body)
    }
}

#[cfg(feature = "axum")]
impl FromBody for axum_core::body::Body {
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self::new(body)
    }
}

#[cfg(feature = "tonic")]
impl FromBody for tonic::body::Body {
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self::new(body)
    }
}

/// The body `B` of a request that is forwarded, perhaps more than once.
pub(in crate::middleware) struct Upload<B>(Arc<Mutex<Source<B>>>);

struct Source<B> {
    body: State<B>,
    /// What was read of the body, while it fits into the limit.
    kept: Option<Vec<Piece>>,
    /// The bytes in `kept`.
    size: usize,
    limit: usize,
    /// The number of the reader that may read. A client may keep the body of an earlier attempt for a while.
    reader: u64,
    size_hint: SizeHint,
}

enum State<B> {
    Unread(B),
    Reading(BoxBody),
    /// Read to its end, or given back.
    Ended,
}

#[derive(Clone)]
enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl<B> Upload<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    /// Keeps up to `limit` bytes, to send them again. With none, the body is read once.
    pub(in crate::middleware) fn new(body: B, limit: Option<usize>) -> Self {
        Self(Arc::new(Mutex::new(Source {
            size_hint: body.size_hint(),
            body: State::Unread(body),
            kept: limit.map(|_| Vec::new()),
            size: 0,
            limit: limit.unwrap_or_default(),
            reader: 0,
        })))
    }

    /// The first reader.
    pub(in crate::middleware) fn read(&self) -> Reader {
        self.reader(&mut lock(&self.0))
    }

    /// Another reader from the start, in place of the earlier ones. None if what they have read does not fit into the
    /// limit.
    pub(in crate::middleware) fn read_again(&self) -> Option<Reader> {
        let mut source = lock(&self.0);
        source.kept.as_ref()?;
        Some(self.reader(&mut source))
    }

    fn reader(&self, source: &mut Source<B>) -> Reader {
        source.reader += 1;
        Reader {
            source: self.0.clone(),
            number: source.reader,
            at: 0,
            size_hint: source.size_hint,
        }
    }

    /// The body itself, if nothing was read of it.
    pub(in crate::middleware) fn take(&self) -> Option<B> {
        let mut source = lock(&self.0);
        match mem::replace(&mut source.body, State::Ended) {
            State::Unread(body) => Some(body),
            read => {
                source.body = read;
                None
            }
        }
    }
}

fn lock<T: ?Sized>(source: &Mutex<T>) -> MutexGuard<'_, T> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the body of one attempt.
pub(in crate::middleware) struct Reader {
    source: Arc<Mutex<dyn Pieces + Send>>,
    number: u64,
    /// The number of frames that were read.
    at: usize,
    /// The size of what is left.
    size_hint: SizeHint,
}

/// A [`Source`] of a body of any kind.
trait Pieces {
    /// Reads the piece at this index, for the reader with this number.
    fn poll_piece(
        &mut self,
        reader: u64,
        at: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece, BoxError>>>;

    /// Whether there is nothing to read at this index.
    fn ends_at(&self, at: usize) -> bool;
}

impl<B> Pieces for Source<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    fn poll_piece(
        &mut self,
        reader: u64,
        at: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece, BoxError>>> {
        if reader != self.reader {
            let error = "the request is sent again elsewhere";
            return Poll::Ready(Some(Err(error.into())));
        }
        match self.kept.as_ref().and_then(|kept| kept.get(at)) {
            Some(piece) => Poll::Ready(Some(Ok(piece.clone()))),
            None => self.poll_next(cx),
        }
    }

    fn ends_at(&self, at: usize) -> bool {
        let is_ended = match &self.body {
            State::Unread(body) => body.is_end_stream(),
            State::Reading(body) => body.is_end_stream(),
            State::Ended => true,
        };
        is_ended && self.kept.as_ref().is_none_or(|kept| at >= kept.len())
    }
}

impl<B> Source<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, BoxError>>> {
        self.body = match mem::replace(&mut self.body, State::Ended) {
            State::Unread(body) => State::Reading(boxed(body)),
            read => read,
        };
        let State::Reading(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let piece = match ready!(Pin::new(body).poll_frame(cx)) {
            Some(frame) => frame.and_then(Piece::of),
            None => {
                self.body = State::Ended;
                return Poll::Ready(None);
            }
        };
        match &piece {
            Ok(piece) => self.keep(piece),
            Err(_) => {
                // A body that has failed is not complete.
                self.body = State::Ended;
                self.kept = None;
            }
        }
        Poll::Ready(Some(piece))
    }

    fn keep(&mut self, piece: &Piece) {
        if let Piece::Data(data) = piece {
            self.size = self.size.saturating_add(data.len());
        }
        if self.size > self.limit {
            self.kept = None;
        }
        if let Some(kept) = &mut self.kept {
            kept.push(piece.clone());
        }
    }
}

impl Piece {
    fn of(frame: Frame<Bytes>) -> Result<Self, BoxError> {
        let frame = match frame.into_data() {
            Ok(data) => return Ok(Self::Data(data)),
            Err(frame) => frame,
        };
        let trailers = frame
            .into_trailers()
            .map_err(|_| "a frame of an unknown kind")?;
        Ok(Self::Trailers(trailers))
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = lock(&self.source).poll_piece(self.number, self.at, cx);
        let frame = ready!(piece).map(|piece| {
            Ok(match piece? {
                Piece::Data(data) => {
                    self.size_hint = less(&self.size_hint, data.len() as u64);
                    Frame::data(data)
                }
                Piece::Trailers(trailers) => Frame::trailers(trailers),
            })
        });
        self.at += 1;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.source).ends_at(self.at)
    }

    fn size_hint(&self) -> SizeHint {
        self.size_hint
    }
}

fn less(hint: &SizeHint, read: u64) -> SizeHint {
    let mut left = SizeHint::new();
    left.set_lower(hint.lower().saturating_sub(read));
    if let Some(upper) = hint.upper() {
        left.set_upper(upper.saturating_sub(read));
    }
    left
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Collected, Full, StreamBody};
    use tokio_test::{assert_ready, block_on, task};

    use super::*;

    type Frames = Vec<Result<Frame<Bytes>, BoxError>>;

    fn data(text: &'static str) -> Result<Frame<Bytes>, BoxError> {
        Ok(Frame::data(text.into()))
    }

    type Given =
        StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, BoxError>>>>;

    fn upload(frames: Frames, limit: Option<usize>) -> Upload<Given> {
        Upload::new(StreamBody::new(futures_util::stream::iter(frames)), limit)
    }

    fn read_one(reader: &mut Reader) -> Option<Result<Bytes, String>> {
        let frame = assert_ready!(task::spawn(reader.frame()).poll())?;
        let frame = frame.map(|frame| frame.into_data().unwrap_or_default());
        Some(frame.map_err(|error| error.to_string()))
    }

    fn read_all(reader: Reader) -> (Bytes, Option<HeaderMap>) {
        let collected: Collected<Bytes> = block_on(reader.collect()).unwrap();
        let trailers = collected.trailers().cloned();
        (collected.to_bytes(), trailers)
    }

    #[test]
    fn a_body_is_read_again_from_its_start() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-end", "1".parse().unwrap());
        let frames = vec![
            data("ab"),
            data("cd"),
            Ok(Frame::trailers(trailers.clone())),
        ];
        let upload = upload(frames, Some(4));
        let mut first = upload.read();
        assert_eq!(read_one(&mut first), Some(Ok("ab".into())));
        let second = upload.read_again().unwrap();
        assert_eq!(read_all(second), ("abcd".into(), Some(trailers.clone())));
        let third = upload.read_again().unwrap();
        assert_eq!(read_all(third), ("abcd".into(), Some(trailers)));
    }

    #[test]
    fn an_earlier_reader_reads_nothing_more() {
        let upload = upload(vec![data("ab"), data("cd")], Some(4));
        let mut first = upload.read();
        assert_eq!(read_one(&mut first), Some(Ok("ab".into())));
        let second = upload.read_again().unwrap();
        assert!(read_one(&mut first).unwrap().is_err());
        assert_eq!(read_all(second).0, "abcd");
    }

    #[test]
    fn a_body_beyond_the_limit_is_read_once() {
        let upload = upload(vec![data("ab"), data("cde")], Some(4));
        let mut first = upload.read();
        assert_eq!(read_one(&mut first), Some(Ok("ab".into())));
        let mut second = upload.read_again().unwrap();
        assert_eq!(read_one(&mut second), Some(Ok("ab".into())));
        assert_eq!(read_one(&mut second), Some(Ok("cde".into())));
        assert!(upload.read_again().is_none());
        assert_eq!(read_one(&mut second), None);
    }

    #[test]
    fn a_body_that_failed_is_not_sent_again() {
        let upload = upload(vec![data("ab"), Err("broken".into())], Some(4));
        let mut first = upload.read();
        assert_eq!(read_one(&mut first), Some(Ok("ab".into())));
        assert_eq!(read_one(&mut first), Some(Err("broken".into())));
        assert!(upload.read_again().is_none());
    }

    #[test]
    fn a_body_is_given_back_until_it_is_read() {
        let upload = upload(vec![data("ab")], Some(4));
        let mut reader = upload.read();
        let again = upload.take().map(|body| Upload::new(body, None).read());
        assert_eq!(read_all(again.unwrap()).0, "ab");
        assert_eq!(read_one(&mut reader), None);

        let upload = self::upload(vec![data("ab")], Some(4));
        assert_eq!(read_all(upload.read()).0, "ab");
        assert!(upload.take().is_none());
    }

    #[test]
    fn nothing_is_kept_without_a_limit() {
        let upload = upload(vec![data("ab")], None);
        assert_eq!(read_all(upload.read()).0, "ab");
        assert!(upload.read_again().is_none());
    }

    #[test]
    fn the_length_is_that_of_what_is_left() {
        let upload = Upload::new(Full::<Bytes>::from("abcd"), Some(4));
        let mut first = upload.read();
        assert_eq!(first.size_hint().exact(), Some(4));
        assert!(!first.is_end_stream());
        assert_eq!(read_one(&mut first), Some(Ok("abcd".into())));
        assert_eq!(first.size_hint().exact(), Some(0));
        assert!(first.is_end_stream());
        let second = upload.read_again().unwrap();
        assert_eq!(second.size_hint().exact(), Some(4));
        assert!(!second.is_end_stream());
    }
}

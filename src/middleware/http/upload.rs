use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Limited, combinators};

use super::body::{BoxBody, boxed};
use crate::error::BoxError;

/// A body that can be made from another one.
///
/// [`LeaderOnlyLayer::forward`](crate::LeaderOnlyLayer::forward) needs it of the body of the client and of the gated
/// service. It is implemented for the boxed bodies of http-body-util, for `axum::body::Body` with feature `axum`, and
/// for `tonic::body::Body` with feature `tonic`.
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

/// Without a limit: the body that it is made from has had its own.
impl<T> FromBody for Limited<T>
where
    T: FromBody<Error: Into<BoxError>>,
{
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self::new(T::from_body(body), usize::MAX)
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

/// The body of a request that is forwarded, perhaps more than once.
pub(in crate::middleware) struct Upload(Arc<Mutex<Source>>);

struct Source {
    body: BoxBody,
    /// What was read of the body, while it fits into the limit.
    kept: Option<Vec<Piece>>,
    /// The bytes in `kept`.
    size: usize,
    limit: usize,
    ended: bool,
    /// The number of the reader that may read. A client may keep the body of an earlier attempt for a while.
    reader: u64,
    size_hint: SizeHint,
}

#[derive(Clone)]
enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl Upload {
    /// Keeps up to `limit` bytes, to send them again. With none, the body is read once.
    pub(in crate::middleware) fn new<B>(body: B, limit: Option<usize>) -> Self
    where
        B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
    {
        let size_hint = body.size_hint();
        Self(Arc::new(Mutex::new(Source {
            ended: body.is_end_stream(),
            body: boxed(body),
            kept: limit.map(|_| Vec::new()),
            size: 0,
            limit: limit.unwrap_or_default(),
            reader: 0,
            size_hint,
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

    fn reader(&self, source: &mut Source) -> Reader {
        source.reader += 1;
        Reader {
            source: self.0.clone(),
            number: source.reader,
            at: 0,
            size_hint: source.size_hint,
        }
    }
}

fn lock(source: &Mutex<Source>) -> MutexGuard<'_, Source> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the body of one attempt.
pub(in crate::middleware) struct Reader {
    source: Arc<Mutex<Source>>,
    number: u64,
    /// The number of frames that were read.
    at: usize,
    /// The size of what is left.
    size_hint: SizeHint,
}

impl Source {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            end => {
                self.ended = true;
                // A body that has failed is not complete.
                let error = end.and_then(Result::err);
                if error.is_some() {
                    self.kept = None;
                }
                return Poll::Ready(error.map(Err));
            }
        };
        let piece = match frame.into_data() {
            Ok(data) => Piece::Data(data),
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => Piece::Trailers(trailers),
                Err(_) => return Poll::Ready(Some(Err("the body has a frame of no kind".into()))),
            },
        };
        self.keep(&piece);
        Poll::Ready(Some(Ok(piece)))
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

impl Body for Reader {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let mut source = lock(&this.source);
        if source.reader != this.number {
            let error = "the request is sent again elsewhere";
            return Poll::Ready(Some(Err(error.into())));
        }
        let kept = source.kept.as_ref();
        let piece = match kept.and_then(|kept| kept.get(this.at)) {
            Some(piece) => piece.clone(),
            None => match std::task::ready!(source.poll_piece(cx)) {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            },
        };
        this.at += 1;
        Poll::Ready(Some(Ok(match piece {
            Piece::Data(data) => {
                this.size_hint = less(&this.size_hint, data.len() as u64);
                Frame::data(data)
            }
            Piece::Trailers(trailers) => Frame::trailers(trailers),
        })))
    }

    fn is_end_stream(&self) -> bool {
        let source = lock(&self.source);
        let left = source.kept.as_ref().map_or(0, Vec::len);
        let ended = source.ended || source.body.is_end_stream();
        self.at >= left && ended
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

    fn upload(frames: Frames, limit: Option<usize>) -> Upload {
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

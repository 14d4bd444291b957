use std::{
    fmt, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, header::EXPECT};
use http_body::{Body, Frame, SizeHint};

use super::{
    body::{BoxBody, boxed},
    from_body,
    linger::Linger,
};
use crate::error::BoxError;

/// The body `B` of a request that was not admitted, or that another node has forwarded. It may be sent to another node,
/// more than once.
pub struct Upload<B>(Arc<Mutex<Source<B>>>)
where
    B: Body<Error: Into<BoxError>> + Send + 'static;

struct Source<B>
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    body: State<B>,
    /// Reads the rest when nothing else does.
    linger: Option<Linger>,
    /// Whether the client waits before it sends the body, until that is read.
    is_held_back: bool,
    /// The data that was read of the body, if it is kept and fits into the limit.
    kept: Option<BytesMut>,
    limit: usize,
    trailers: Option<HeaderMap>,
    /// The number of the reader that may read. A client may keep the body of an earlier attempt for a while.
    reader: u64,
    /// The task of the last reader, if it waits.
    waiting: Option<Waker>,
    size_hint: SizeHint,
}

enum State<B> {
    Unread(B),
    Reading(BoxBody),
    /// Read to its end, or given back.
    Ended,
}

impl<B> Upload<B>
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    /// A body whose rest is dropped.
    pub(in crate::middleware) fn new(body: B) -> Self {
        Self(Arc::new(Mutex::new(Source {
            size_hint: body.size_hint(),
            body: State::Unread(body),
            linger: None,
            is_held_back: false,
            kept: None,
            limit: 0,
            trailers: None,
            reader: 0,
            waiting: None,
        })))
    }

    /// The body of a request, whose rest is read.
    pub(in crate::middleware) fn of(request: Request<B>, linger: &Linger) -> Request<Self> {
        let is_held_back = request.headers().contains_key(EXPECT);
        request.map(|body| {
            let upload = Self::new(body);
            let mut source = lock(&upload.0);
            source.linger = Some(linger.clone());
            source.is_held_back = is_held_back;
            drop(source);
            upload
        })
    }

    /// Keeps up to `limit` bytes of what is read from now on, so that the body can be read again.
    pub(in crate::middleware) fn keep(&self, limit: usize) {
        let mut source = lock(&self.0);
        source.kept = Some(BytesMut::new());
        source.limit = limit;
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
        if let Some(earlier) = source.waiting.take() {
            // It ends with an error, so that its client gives up the connection.
            earlier.wake();
        }
        Reader {
            source: self.0.clone(),
            number: source.reader,
            at: Position::default(),
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

    /// A body that yields the same frames. Its rest is read as well, if it is of a type that can be made here.
    ///
    /// # Panics
    ///
    /// Panics if something was read of it.
    pub(in crate::middleware) fn into_body(self) -> B {
        let lingers = {
            let source = lock(&self.0);
            source.linger.is_some() && !source.ends_at(source.reader, Position::default())
        };
        let made = lingers.then(|| from_body::make(self.read()).ok()).flatten();
        let Some(body) = made.or_else(|| self.take()) else {
            unreachable!("nothing was read")
        };
        body
    }
}

impl<B> Drop for Source<B>
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    fn drop(&mut self) {
        let Some(linger) = &self.linger else {
            return;
        };
        match mem::replace(&mut self.body, State::Ended) {
            State::Unread(body) if !self.is_held_back && !body.is_end_stream() => {
                linger.discard(body);
            }
            State::Reading(body) if !body.is_end_stream() => linger.discard(body),
            _ => {}
        }
    }
}

fn lock<T: ?Sized>(source: &Mutex<T>) -> MutexGuard<'_, T> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the body of one attempt.
pub(in crate::middleware) struct Reader {
    source: Arc<Mutex<dyn Frames + Send>>,
    number: u64,
    at: Position,
    /// The size of what is left.
    size_hint: SizeHint,
}

/// What a reader has read.
#[derive(Clone, Copy, Default)]
struct Position {
    bytes: usize,
    has_trailers: bool,
}

/// A [`Source`] of a body of any kind.
trait Frames {
    /// Reads what follows this position, for the reader with this number.
    fn poll_frame_at(
        &mut self,
        reader: u64,
        at: Position,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>;

    /// Whether nothing follows this position, for the reader with this number.
    fn ends_at(&self, reader: u64, at: Position) -> bool;
}

impl<B> Frames for Source<B>
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    fn poll_frame_at(
        &mut self,
        reader: u64,
        at: Position,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if reader != self.reader {
            let error = "the request is sent again elsewhere";
            return Poll::Ready(Some(Err(error.into())));
        }
        if let Some(kept) = self.kept.as_ref().filter(|kept| at.bytes < kept.len()) {
            let data = Bytes::copy_from_slice(&kept[at.bytes..]);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Some(trailers) = self.trailers.as_ref().filter(|_| !at.has_trailers) {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers.clone()))));
        }
        let frame = self.poll_next(cx);
        self.waiting = frame.is_pending().then(|| cx.waker().clone());
        frame
    }

    fn ends_at(&self, reader: u64, at: Position) -> bool {
        let is_ended = match &self.body {
            State::Unread(body) => body.is_end_stream(),
            State::Reading(body) => body.is_end_stream(),
            State::Ended => true,
        };
        let kept = self.kept.as_ref().map_or(0, BytesMut::len);
        // An earlier reader ends with an error.
        reader == self.reader
            && is_ended
            && at.bytes >= kept
            && (at.has_trailers || self.trailers.is_none())
    }
}

impl<B> Source<B>
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.body = match mem::replace(&mut self.body, State::Ended) {
            State::Unread(body) => State::Reading(boxed(body)),
            read => read,
        };
        let State::Reading(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => self.keep(frame),
            Some(Err(_)) => {
                // A body that has failed is not complete.
                self.kept = None;
                self.body = State::Ended;
            }
            None => self.body = State::Ended,
        }
        Poll::Ready(frame)
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        let Some(kept) = &mut self.kept else {
            return;
        };
        match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) if data.len() <= self.limit - kept.len() => {
                kept.extend_from_slice(data);
            }
            (None, Some(trailers)) => self.trailers = Some(trailers.clone()),
            // It does not fit, or is of another kind.
            _ => self.kept = None,
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
        let frame = lock(&self.source).poll_frame_at(self.number, self.at, cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            if let Some(data) = frame.data_ref() {
                self.at.bytes += data.len();
                self.size_hint = less(&self.size_hint, data.len() as u64);
            }
            self.at.has_trailers |= frame.is_trailers();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.source).ends_at(self.number, self.at)
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

impl<B> fmt::Debug for Upload<B>
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
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
        let body = StreamBody::new(futures_util::stream::iter(frames));
        kept(Upload::new(body), limit)
    }

    fn kept<B>(upload: Upload<B>, limit: Option<usize>) -> Upload<B>
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        if let Some(limit) = limit {
            upload.keep(limit);
        }
        upload
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
    fn an_earlier_reader_that_waits_is_woken() {
        let (sender, body) = http_body_util::channel::Channel::<Bytes, BoxError>::new(1);
        let upload = kept(Upload::new(body), Some(4));
        let mut first = upload.read();
        let mut waits = task::spawn(first.frame());
        assert!(waits.poll().is_pending());
        let second = upload.read_again();
        assert!(second.is_some() && waits.is_woken());
        assert!(assert_ready!(waits.poll()).unwrap().is_err());
        drop(sender);
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
        let again = upload.take().map(|body| Upload::new(body).read());
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
        let upload = kept(Upload::new(Full::<Bytes>::from("abcd")), Some(4));
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

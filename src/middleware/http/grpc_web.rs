//! gRPC-Web, whose responses carry their trailers at the end of the body.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue};

/// Set in the first byte of the frame that holds the trailers.
const TRAILERS: u8 = 0x80;
/// A byte of flags, and the length of what follows.
const FRAME_HEADER: usize = 5;

/// A content type of gRPC-Web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::middleware) struct GrpcWeb {
    /// `-text`: the body is encoded with base64.
    is_text: bool,
    messages: Messages,
}

/// The format of the messages. A response of trailers has none, but its content type is that of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Messages {
    Unnamed,
    Proto,
    Json,
    Thrift,
}

/// What a piece of a response body leaves of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::middleware) enum After {
    /// Another message, or the trailers.
    Message,
    /// The rest of a message.
    Part,
    Nothing,
}

impl GrpcWeb {
    /// Parses what follows `application/grpc` in a content type.
    pub(in crate::middleware) fn parse(suffix: &[u8]) -> Option<Self> {
        let suffix = strip_prefix(suffix, b"-web")?;
        let text = strip_prefix(suffix, b"-text");
        let suffix = text.unwrap_or(suffix);
        let end = suffix.iter().position(|byte| *byte == b';');
        let format = suffix[..end.unwrap_or(suffix.len())].trim_ascii_end();
        let is = |name: &str| format.eq_ignore_ascii_case(name.as_bytes());
        let messages = match format.first() {
            _ if is("+proto") => Messages::Proto,
            _ if is("+json") => Messages::Json,
            _ if is("+thrift") => Messages::Thrift,
            None | Some(b'+') => Messages::Unnamed,
            Some(_) => return None,
        };
        Some(Self {
            is_text: text.is_some(),
            messages,
        })
    }

    pub(in crate::middleware) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match (self.is_text, self.messages) {
            (false, Messages::Unnamed) => "application/grpc-web",
            (false, Messages::Proto) => "application/grpc-web+proto",
            (false, Messages::Json) => "application/grpc-web+json",
            (false, Messages::Thrift) => "application/grpc-web+thrift",
            (true, Messages::Unnamed) => "application/grpc-web-text",
            (true, Messages::Proto) => "application/grpc-web-text+proto",
            (true, Messages::Json) => "application/grpc-web-text+json",
            (true, Messages::Thrift) => "application/grpc-web-text+thrift",
        })
    }

    /// The end of a response body.
    pub(in crate::middleware) fn trailers(self, trailers: &HeaderMap) -> Bytes {
        let mut block = Vec::new();
        for (name, value) in trailers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                block.extend_from_slice(part);
            }
        }
        // A few short headers.
        let length = u32::try_from(block.len()).unwrap_or(u32::MAX);
        let frame = [&[TRAILERS], &length.to_be_bytes()[..], &block].concat();
        if self.is_text {
            return BASE64_STANDARD.encode(frame).into();
        }
        frame.into()
    }

    /// What is left of a response after this piece of its body, which begins with a frame.
    pub(in crate::middleware) fn after(self, data: &impl Buf) -> After {
        let piece = data.chunk();
        if piece.len() < data.remaining() {
            // Data in several buffers, which cannot be read without taking it.
            return After::Part;
        }
        match self.is_text {
            true => BASE64_STANDARD
                .decode(piece)
                .as_deref()
                .map_or(After::Part, after),
            false => after(piece),
        }
    }
}

fn after(mut piece: &[u8]) -> After {
    while let Some((header, rest)) = piece.split_at_checked(FRAME_HEADER) {
        let length = (&header[1..]).get_u32();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some((_, rest)) = rest.split_at_checked(length) else {
            return After::Part;
        };
        if header[0] & TRAILERS != 0 {
            return After::Nothing;
        }
        piece = rest;
    }
    match piece {
        [] => After::Message,
        _ => After::Part,
    }
}

fn strip_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (first, rest) = text.split_at_checked(prefix.len())?;
    first.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: GrpcWeb = GrpcWeb {
        is_text: false,
        messages: Messages::Proto,
    };
    const TEXT: GrpcWeb = GrpcWeb {
        is_text: true,
        messages: Messages::Proto,
    };

    #[test]
    fn the_content_type_is_that_of_the_request() {
        for (suffix, content_type) in [
            ("-web", "application/grpc-web"),
            ("-web+proto", "application/grpc-web+proto"),
            ("-WEB+Proto", "application/grpc-web+proto"),
            ("-web+json; charset=utf-8", "application/grpc-web+json"),
            ("-web+thrift ;x", "application/grpc-web+thrift"),
            ("-web+own", "application/grpc-web"),
            ("-web-text", "application/grpc-web-text"),
            ("-web-text+proto", "application/grpc-web-text+proto"),
            ("-web-text+json", "application/grpc-web-text+json"),
            ("-web-text+thrift", "application/grpc-web-text+thrift"),
            ("-web-text;x", "application/grpc-web-text"),
        ] {
            let parsed = GrpcWeb::parse(suffix.as_bytes()).map(GrpcWeb::content_type);
            assert_eq!(parsed.unwrap(), content_type, "{suffix}");
        }
        for suffix in [
            "",
            "+proto",
            "-we",
            "-website",
            "-web-tex",
            "-web-texts",
            "\u{f6}",
        ] {
            assert_eq!(GrpcWeb::parse(suffix.as_bytes()), None, "{suffix}");
        }
    }

    #[test]
    fn trailers_are_one_frame() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("14"));
        trailers.append("x", HeaderValue::from_static("a"));
        trailers.append("x", HeaderValue::from_static("b"));
        let frame = b"\x80\0\0\0\x1dgrpc-status: 14\r\nx: a\r\nx: b\r\n";
        assert_eq!(BINARY.trailers(&trailers), frame[..]);
        let text = "gAAAAB1ncnBjLXN0YXR1czogMTQNCng6IGENCng6IGINCg==";
        assert_eq!(TEXT.trailers(&trailers), text);
    }

    #[test]
    fn a_response_is_followed_by_whole_frames() {
        for (piece, left) in [
            (&b""[..], After::Message),
            (b"\0\0\0\0\0", After::Message),
            (b"\0\0\0\0\x02ab\x01\0\0\0\x01c", After::Message),
            (b"\0\0\0\0\x02ab\x80\0\0\0\x01c", After::Nothing),
            (b"\x80\0\0\0\x02c", After::Part),
            (b"\0\0\0\0\x02a", After::Part),
            (b"\0\0\0\0\x02ab\0\0", After::Part),
            (b"\0\xff\xff\xff\xffa", After::Part),
        ] {
            assert_eq!(BINARY.after(&piece), left, "{piece:?}");
            let text = BASE64_STANDARD.encode(piece);
            assert_eq!(TEXT.after(&text.as_bytes()), left, "{piece:?}");
        }
        assert_eq!(TEXT.after(&&b"AAAAA"[..]), After::Part);
        let halves = b"\0\0\0".chain(&b"\0\0"[..]);
        assert_eq!(BINARY.after(&halves), After::Part);
    }
}

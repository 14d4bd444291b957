use std::{
    error::Error,
    fmt,
    io::{self, ErrorKind},
};

use crate::error::{BoxError, chain};

/// Why the leader did not respond.
#[derive(Debug)]
pub(in crate::middleware) enum Failure {
    /// The request did not leave this node.
    Unreachable(BoxError),
    /// The request may have reached the leader.
    Broken(BoxError),
    /// The leader switched protocols, and its connection could not be joined with the client's.
    Upgrade(BoxError),
    /// The time limit has passed.
    TooSlow,
}

impl Failure {
    /// Classifies an error that the client's `call` returned.
    pub(in crate::middleware) fn of_call(error: BoxError) -> Self {
        if is_refused(&*error) {
            Self::Unreachable(error)
        } else {
            Self::Broken(error)
        }
    }

    pub(in crate::middleware) fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match self {
            Self::Unreachable(error) | Self::Broken(error) | Self::Upgrade(error) => Some(&**error),
            Self::TooSlow => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable(_) => "could not reach the leader; the request was not executed",
            Self::Broken(_) => {
                "the connection to the leader broke; the request may have been executed"
            }
            Self::Upgrade(_) => {
                "could not upgrade the connection to the leader; the request may have been executed"
            }
            Self::TooSlow => {
                "the leader did not respond in time; the request may have been executed"
            }
        })
    }
}

/// Whether no connection was established. Only errors that have no other cause count: a response must not say that the
/// request was not executed if it may have been.
fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let mut refused = false;
    for error in chain(error) {
        // The connection was established, and its host may have become unreachable afterwards.
        if error.is::<hyper::Error>() {
            return false;
        }
        let error = error.downcast_ref::<io::Error>();
        refused |= error.is_some_and(|error| {
            matches!(
                error.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::AddrNotAvailable
            )
        });
    }
    refused
}

#[cfg(test)]
mod tests {
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;

    use super::*;

    #[derive(Debug)]
    struct Wrapped(BoxError);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    fn failure(kind: ErrorKind) -> Failure {
        let error = Wrapped(Wrapped(io::Error::from(kind).into()).into());
        Failure::of_call(error.into())
    }

    #[test]
    fn a_failure_has_its_cause_as_source() {
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::BrokenPipe] {
            let cause = failure(kind).source().map(ToString::to_string);
            assert_eq!(cause.as_deref(), Some("wrapped"));
        }
        assert!(Failure::TooSlow.source().is_none());
    }

    #[test]
    fn a_refused_connection_is_unreachable() {
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable] {
            assert!(matches!(failure(kind), Failure::Unreachable(_)), "{kind:?}");
        }
    }

    /// The error of a connection that ends with `kind`, as TCP does when its retransmissions time out, long after the
    /// peer has received a request.
    async fn broken(kind: ErrorKind) -> hyper::Error {
        let stream = tokio_test::io::Builder::new()
            .read_error(kind.into())
            .build();
        let stream = TokioIo::new(stream);
        let (_client, connection) = http1::handshake::<_, String>(stream).await.unwrap();
        connection.await.unwrap_err()
    }

    #[tokio::test]
    async fn an_error_of_an_established_connection_is_broken() {
        for kind in [ErrorKind::HostUnreachable, ErrorKind::ConnectionRefused] {
            let in_another = Wrapped(broken(kind).await.into());
            let in_an_io_error = io::Error::other(broken(kind).await);
            for error in [in_another.into(), in_an_io_error.into()] {
                let failure = Failure::of_call(error);
                assert!(matches!(failure, Failure::Broken(_)), "{failure:?}");
            }
        }
    }

    #[test]
    fn any_other_error_is_broken() {
        for kind in [
            ErrorKind::ConnectionReset,
            ErrorKind::BrokenPipe,
            ErrorKind::TimedOut,
            ErrorKind::UnexpectedEof,
            ErrorKind::Other,
        ] {
            assert!(matches!(failure(kind), Failure::Broken(_)), "{kind:?}");
        }
        assert!(matches!(
            Failure::of_call("no io error".into()),
            Failure::Broken(_)
        ));
    }
}

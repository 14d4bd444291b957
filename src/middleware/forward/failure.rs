use std::{
    error::Error,
    fmt,
    io::{self, ErrorKind},
};

use crate::error::{BoxError, chain};

/// Why the leader's answer did not come.
#[derive(Debug)]
pub(in crate::middleware) enum Failure {
    /// The request has not left this node.
    Unreachable(BoxError),
    /// It may have.
    Broken(BoxError),
    /// The leader did not answer in time.
    TooSlow,
}

impl Failure {
    /// Of an error of the client's `call`.
    pub(super) fn of_call(error: BoxError) -> Self {
        if is_refused(&*error) {
            Self::Unreachable(error)
        } else {
            Self::Broken(error)
        }
    }

    pub(super) fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match self {
            Self::Unreachable(error) | Self::Broken(error) => Some(&**error),
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
            Self::TooSlow => {
                "the leader did not answer in time; the request may have been executed"
            }
        })
    }
}

/// Whether there was no connection to send the request on. Only what can have no other reason counts: a
/// client says in many ways that it failed, and a request that was executed must not be said not to be.
fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let mut refused = false;
    for error in chain(error) {
        // Of a connection that was there. Its host may have become unreachable since.
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
    fn names_its_cause_for_the_log() {
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::BrokenPipe] {
            let cause = failure(kind).source().map(ToString::to_string);
            assert_eq!(cause.as_deref(), Some("wrapped"));
        }
        assert!(Failure::TooSlow.source().is_none());
    }

    #[test]
    fn a_refused_connection_has_carried_no_request() {
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable] {
            assert!(matches!(failure(kind), Failure::Unreachable(_)), "{kind:?}");
        }
    }

    /// Of a connection that ends with `kind`, as TCP's may once its retransmissions have led to nothing, long
    /// after a request was received.
    async fn broken(kind: ErrorKind) -> hyper::Error {
        let stream = tokio_test::io::Builder::new()
            .read_error(kind.into())
            .build();
        let stream = TokioIo::new(stream);
        let (_client, connection) = http1::handshake::<_, String>(stream).await.unwrap();
        connection.await.unwrap_err()
    }

    #[tokio::test]
    async fn a_host_that_vanished_may_have_executed() {
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
    fn whatever_else_failed_may_have_been_executed() {
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

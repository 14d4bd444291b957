//! The layers of tower-http that an application combines with a gate.

/// Passes the layers to a macro, after its other arguments. The first layer is the outermost.
macro_rules! tower_http_layers {
    ($($then:ident)::+!($($before:tt)*)) => {
        $($then)::+!($($before)*
            tower_http::limit::RequestBodyLimitLayer::new(1024),
            tower_http::catch_panic::CatchPanicLayer::new(),
            tower_http::compression::CompressionLayer::new(),
            tower_http::trace::TraceLayer::new_for_http(),
            tower_http::set_header::SetResponseHeaderLayer::if_not_present(
                ::http::header::SERVER,
                ::http::HeaderValue::from_static("orders")
            ),
            // These three need a body below them that implements `Default`, which some layers above do not have.
            tower_http::validate_request::ValidateRequestHeaderLayer::accept("*/*"),
            tower_http::timeout::TimeoutLayer::with_status_code(
                ::http::StatusCode::REQUEST_TIMEOUT,
                std::time::Duration::from_secs(60)
            ),
            tower_http::cors::CorsLayer::permissive()
        )
    };
}
pub(crate) use tower_http_layers;

use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};
use serde::Serialize;

const GET_AND_HEAD: HeaderValue = HeaderValue::from_static("GET, HEAD");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The response to a request with this method: 200 or 503 with a report in JSON, or 405.
pub(super) fn answer(method: &Method, healthy: bool, report: &impl Serialize) -> Response<String> {
    if method != Method::GET && method != Method::HEAD {
        return not_allowed();
    }
    let status = match healthy {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    // A struct of strings and numbers always serializes.
    let json = serde_json::to_string(report).unwrap_or_default();
    let mut response = empty(status, json.len());
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    if method == Method::GET {
        *response.body_mut() = json;
    }
    response
}

fn not_allowed() -> Response<String> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED, 0);
    response.headers_mut().insert(ALLOW, GET_AND_HEAD);
    response
}

/// A response without a body, and with a `content-length` of `length`.
fn empty(status: StatusCode, length: usize) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(CONTENT_LENGTH, length.into());
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const REPORT: &[u8] = &[1, 2];

    fn headers(response: &Response<String>) -> BTreeMap<&str, &str> {
        let headers = response.headers().iter();
        headers
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect()
    }

    #[test]
    fn get_returns_the_report_with_200_or_503() {
        for (healthy, status) in [(true, 200), (false, 503)] {
            let response = answer(&Method::GET, healthy, &REPORT);
            assert_eq!(response.status(), status);
            let expected = BTreeMap::from([
                ("cache-control", "no-store"),
                ("content-length", "5"),
                ("content-type", "application/json"),
            ]);
            assert_eq!(headers(&response), expected);
            assert_eq!(response.body(), "[1,2]");
        }
    }

    #[test]
    fn head_omits_the_body() {
        for healthy in [true, false] {
            let get = answer(&Method::GET, healthy, &REPORT);
            let head = answer(&Method::HEAD, healthy, &REPORT);
            assert_eq!(head.status(), get.status());
            assert_eq!(head.headers(), get.headers());
            assert_eq!(head.body(), "");
        }
    }

    #[test]
    fn other_methods_are_not_allowed() {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", "BREW"] {
            let response = answer(&method.parse().unwrap(), true, &REPORT);
            assert_eq!(response.status(), 405, "{method}");
            let expected = BTreeMap::from([
                ("allow", "GET, HEAD"),
                ("cache-control", "no-store"),
                ("content-length", "0"),
            ]);
            assert_eq!(headers(&response), expected);
            assert_eq!(response.body(), "");
        }
    }
}

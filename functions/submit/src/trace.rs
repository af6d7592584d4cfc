use http::HeaderMap;
use runtime::telemetry::Traceparent;

/// The client's trace context, from `traceparent` or `X-Amzn-Trace-Id`.
pub fn traceparent(headers: &HeaderMap) -> Option<Traceparent> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    Traceparent::from_headers(header("traceparent"), header("x-amzn-trace-id"))
}

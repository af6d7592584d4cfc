use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, header, header::InvalidHeaderValue};
use runtime::config::PushAddress;

/// Further security headers of all responses.
const SECURITY_HEADERS: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Content security policy of the pages (<https://www.w3.org/TR/CSP3/>). Only scripts in the binary
/// run, and pages only connect to this API, so a key that is entered can't leak elsewhere.
#[derive(Clone, Debug)]
pub struct Policy(Arc<Pages>);

#[derive(Debug)]
struct Pages {
    reference: HeaderValue,
    strict: HeaderValue,
}

impl Policy {
    /// `push` is the only other address that pages may connect to.
    ///
    /// # Errors
    /// If that address is not a valid header value.
    pub fn new(push: &PushAddress) -> Result<Self, InvalidHeaderValue> {
        let reference = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             font-src 'self'; connect-src 'self' {}; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
            push.url
        );
        // The console never turns text into markup. Swagger UI does so with descriptions, which it
        // sanitizes with DOMPurify.
        let strict =
            format!("{reference}; require-trusted-types-for 'script'; trusted-types 'none'");
        Ok(Self(Arc::new(Pages { reference: reference.try_into()?, strict: strict.try_into()? })))
    }
}

/// Adds the security headers and, unless set already, `Cache-Control` to responses with an `ETag`.
///
/// Pages are revalidated on each load. Their files are cached for a minute, enough for a visit, and
/// no longer because file names don't change between versions.
pub async fn apply(State(Policy(pages)): State<Policy>, request: Request, next: Next) -> Response {
    let policy =
        if request.uri().path() == "/docs" { &pages.reference } else { &pages.strict }.clone();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.extend(SECURITY_HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if headers.contains_key(header::ETAG) {
        let kind = headers.get(header::CONTENT_TYPE);
        let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let life =
            HeaderValue::from_static(if is_page { "no-cache" } else { "public, max-age=60" });
        headers.entry(header::CACHE_CONTROL).or_insert(life);
    }
    response
}

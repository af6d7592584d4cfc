use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, header, header::InvalidHeaderValue};
use shared::config::PushAddress;

/// What browsers are told besides, on every page alike.
const BESIDES: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// What a page may load, run and ask: nothing runs but what is in the binary, and a key that is typed there goes to this API alone
/// (<https://www.w3.org/TR/CSP3/>).
#[derive(Clone, Debug)]
pub struct Policy(Arc<Pages>);

#[derive(Debug)]
struct Pages {
    reference: HeaderValue,
    others: HeaderValue,
}

impl Policy {
    /// With the one address elsewhere that pages may connect to.
    ///
    /// # Errors
    /// When that address can't stand in a header field.
    pub fn new(push: &PushAddress) -> Result<Self, InvalidHeaderValue> {
        let reference = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
             connect-src 'self' {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            push.url
        );
        // Nothing of ours makes markup of text. Swagger UI does, of descriptions, which DOMPurify cleans before.
        let others =
            format!("{reference}; require-trusted-types-for 'script'; trusted-types 'none'");
        Ok(Self(Arc::new(Pages { reference: reference.try_into()?, others: others.try_into()? })))
    }
}

/// Adds the policy to an answer, and for how long that is good where nothing is said of it: a page has to be asked for again each time, by its
/// `ETag`; what it loads is good for a minute, which a visit needs, and no longer, since its name stays the same from version to version.
pub async fn apply(State(Policy(pages)): State<Policy>, request: Request, next: Next) -> Response {
    let policy =
        if request.uri().path() == "/docs" { &pages.reference } else { &pages.others }.clone();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.extend(BESIDES.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if headers.contains_key(header::ETAG) {
        let kind = headers.get(header::CONTENT_TYPE);
        let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let life =
            HeaderValue::from_static(if is_page { "no-cache" } else { "public, max-age=60" });
        headers.entry(header::CACHE_CONTROL).or_insert(life);
    }
    response
}

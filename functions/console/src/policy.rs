use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, header, header::InvalidHeaderValue};
use shared::config::PushAddress;

/// What browsers are told with every answer: nothing runs on a page but what is in the binary, and a key that is typed there goes to this API
/// alone (<https://www.w3.org/TR/CSP3/>).
#[derive(Clone, Debug)]
pub struct Policy(Arc<HeaderMap>);

impl Policy {
    /// With the one address elsewhere that pages may connect to.
    ///
    /// # Errors
    /// When that address can't stand in a header field.
    pub fn new(push: &PushAddress) -> Result<Self, InvalidHeaderValue> {
        let content = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
             connect-src 'self' {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            push.url
        );
        let fields = [
            (header::CONTENT_SECURITY_POLICY, HeaderValue::try_from(content)?),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        ];
        Ok(Self(Arc::new(fields.into_iter().collect())))
    }
}

/// Adds the policy to an answer, and for how long that is good where nothing is said of it: a page has to be asked for again each time, by its
/// `ETag`; what it loads is good for a minute, which a visit needs, and no longer, since its name stays the same from version to version.
pub async fn apply(State(Policy(fields)): State<Policy>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.extend(HeaderMap::clone(&fields));
    if headers.contains_key(header::ETAG) {
        let is_page =
            headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let life = HeaderValue::from_static(if is_page { "no-cache" } else { "public, max-age=60" });
        headers.entry(header::CACHE_CONTROL).or_insert(life);
    }
    response
}

//! HTTP client for the Tollgate API, with retries.

use std::time::Duration;

use reqwest::{
    Method, StatusCode, Url,
    header::{self, HeaderMap, HeaderValue},
    redirect,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    failure::{ErrorResponse, Failure},
    output,
    profile::Secret,
};

/// Attempts per call, including the first.
const MAX_ATTEMPTS: u32 = 5;
/// Backoff after the first failure; it doubles per attempt.
const INITIAL_BACKOFF: Duration = Duration::from_millis(300);
/// Longest `Retry-After` that is honoured. With a longer one, the call fails and the caller
/// decides.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);
/// Request timeout. The API holds a long poll for at most 20 seconds and any request for 30.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(35);
/// Connect timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<Secret>,
    attempts: u32,
}

#[derive(Debug)]
pub struct Request {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
}

/// A successful response, or a 304.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Request {
    /// `path` holds unencoded segments; they are percent-encoded when the request is built.
    fn new(method: Method, path: &[&str]) -> Self {
        let path = path.iter().map(ToString::to_string).collect();
        Self { method, path, query: Vec::new(), headers: Vec::new(), body: None }
    }

    pub fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn post(path: &[&str]) -> Self {
        Self::new(Method::POST, path)
    }

    pub fn put(path: &[&str]) -> Self {
        Self::new(Method::PUT, path)
    }

    pub fn patch(path: &[&str]) -> Self {
        Self::new(Method::PATCH, path)
    }

    pub fn delete(path: &[&str]) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Adds a query parameter, if `value` is set.
    pub fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Adds a header, if `value` is set.
    pub fn header(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.headers.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub fn body(mut self, body: &impl Serialize) -> Result<Self, Failure> {
        self.body =
            Some(serde_json::to_vec(body).map_err(|error| Failure::Local(error.to_string()))?);
        self.headers.push(("content-type", "application/json".into()));
        Ok(self)
    }

    /// Sets a body of the given media type.
    pub fn text(mut self, media_type: &str, body: String) -> Self {
        self.body = Some(body.into());
        self.headers.push(("content-type", media_type.into()));
        self
    }

    /// Whether the call is idempotent.
    fn is_idempotent(&self) -> bool {
        let has_idempotency_key = self.headers.iter().any(|(name, _)| *name == "idempotency-key");
        // The server deduplicates reported usage events by source and id.
        let is_usage_report =
            self.headers.iter().any(|(_, value)| value.starts_with("application/cloudevents"));
        has_idempotency_key
            || is_usage_report
            || self.method == Method::GET
            || self.method == Method::PUT
    }

    /// Method and path, for messages.
    fn label(&self) -> String {
        format!("{} /{}", self.method, self.path.join("/"))
    }
}

impl Response {
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.body).map_err(output::invalid_response)
    }

    /// A header's value, if it is present and valid text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }
}

impl Client {
    /// A client of the server at `url`. `key` is `None` for endpoints that need no key.
    pub fn new(url: &str, key: Option<Secret>) -> Result<Self, Failure> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| {
            Failure::Usage(format!(
                "{url:?} is not a server URL, such as https://tollgate.example.com"
            ))
        })?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("tollgate-cli/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // The API never redirects, and the key must not be sent to another server.
            .redirect(redirect::Policy::none());
        // Connect to local servers directly, even if the environment configures a proxy.
        let http = if is_local(&base) { http.no_proxy() } else { http };
        let http = http.build().map_err(|error| Failure::Local(root_cause(&error)))?;
        Ok(Self { http, base, key, attempts: MAX_ATTEMPTS })
    }

    /// Whether the key would be sent unencrypted over a network.
    pub fn sends_key_unencrypted(&self) -> bool {
        self.base.scheme() == "http" && !is_local(&self.base)
    }

    /// A client that does not retry, for callers with a retry policy of their own.
    pub fn without_retries(&self) -> Self {
        Self { attempts: 1, ..self.clone() }
    }

    pub fn key(&self) -> Option<&Secret> {
        self.key.as_ref()
    }

    /// The server's address, without a trailing slash.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Sends a call. Retries with backoff where a retry is safe and may succeed.
    pub async fn send(&self, call: &Request) -> Result<Response, Failure> {
        let mut pause = INITIAL_BACKOFF;
        for left in (0..self.attempts).rev() {
            let failure = match self.send_once(call).await {
                Ok(answer) => return Ok(answer),
                Err((failure, received)) if left > 0 && should_retry(call, &failure, received) => {
                    failure
                }
                Err((failure, _)) => return Err(failure),
            };
            let told = match &failure {
                Failure::Rejected(refusal) => refusal.retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            if told > MAX_RETRY_AFTER {
                return Err(failure);
            }
            // Jitter between half and all of the backoff, so that clients do not retry in step
            // after an outage.
            let jittered = pause.mul_f64(rand::random_range(0.5..1.0));
            tokio::time::sleep(jittered.max(told)).await;
            pause *= 2;
        }
        Err(Failure::Local("no attempt was made".into()))
    }

    /// Sends a call once. The flag of an error says whether the server may have received the
    /// call.
    async fn send_once(&self, call: &Request) -> Result<Response, (Failure, bool)> {
        // URL parsing drops such segments, so that the path would name another resource.
        if let Some(segment) =
            call.path.iter().find(|segment| matches!(segment.as_str(), "" | "." | ".."))
        {
            return Err((Failure::Usage(format!("{segment:?} is not a valid id or name.")), false));
        }
        let mut request = self.http.request(call.method.clone(), self.address(call));
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(key) = &self.key {
            request = request
                .header(header::AUTHORIZATION, authorization(key).map_err(|error| (error, false))?);
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let unreachable = |error: &reqwest::Error| Failure::Unreachable {
            url: self.url().into(),
            reason: root_cause(error),
        };
        let response = request.send().await.map_err(|error| {
            if error.is_builder() {
                (Failure::Usage(root_cause(&error)), false)
            } else {
                (unreachable(&error), !error.is_connect())
            }
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.map_err(|error| (unreachable(&error), true))?;
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(Response { status: status.as_u16(), headers, body });
        }
        let is_collection = call.path.len() <= 2;
        let refusal =
            ErrorResponse::read(status, retry_after(&headers), &body, &call.label(), is_collection);
        Err((Failure::Rejected(Box::new(refusal)), true))
    }

    fn address(&self, call: &Request) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        url
    }
}

/// Whether the URL's host is this machine.
fn is_local(url: &Url) -> bool {
    url.host_str().is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]"))
}

/// Whether to retry a failed call: the retry is safe and may succeed.
fn should_retry(call: &Request, failure: &Failure, received: bool) -> bool {
    match failure {
        Failure::Unreachable { .. } => !received || call.is_idempotent(),
        Failure::Rejected(refusal) => match refusal.status.as_u16() {
            429 => true,
            // The first request with this Idempotency-Key is still in progress.
            409 => refusal.retry_after.is_some() && call.is_idempotent(),
            500 | 502 | 503 | 504 => call.is_idempotent(),
            _ => false,
        },
        _ => false,
    }
}

fn authorization(key: &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.reveal()))
        .map_err(|_| Failure::Usage("the key contains invalid characters".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The innermost cause. The outer errors only add the whole URL.
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

//! Calls of Tollgate's API: the key, the address, and what is tried again.

use std::time::Duration;

use reqwest::{
    Method, StatusCode, Url,
    header::{self, HeaderMap, HeaderValue},
    redirect,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    failure::{Failure, Refusal},
    output,
    profile::Secret,
};

/// How often a call is made before its failure is believed.
const ATTEMPTS: u32 = 5;
/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// A `Retry-After` beyond this is the caller's business.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The API holds an answer for at most 20 seconds, and gives up after 30.
const PATIENCE: Duration = Duration::from_secs(35);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A client of one server with one key.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<Secret>,
    attempts: u32,
}

/// One call, before it is made.
#[derive(Debug)]
pub struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
}

/// An answer that is a success, or a 304.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: String,
}

impl Call {
    /// A call of the path made of these segments, which may be anything.
    fn new(method: Method, path: &[&str]) -> Self {
        let path = path.iter().map(ToString::to_string).collect();
        Self { method, path, query: Vec::new(), headers: Vec::new(), body: None }
    }

    /// Reads something.
    pub fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    /// Makes something, or has something done.
    pub fn post(path: &[&str]) -> Self {
        Self::new(Method::POST, path)
    }

    /// Puts something in its place.
    pub fn put(path: &[&str]) -> Self {
        Self::new(Method::PUT, path)
    }

    /// Changes a part of something.
    pub fn patch(path: &[&str]) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// Takes something away.
    pub fn delete(path: &[&str]) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// With a query parameter, if there is a value.
    pub fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// With a header field, if there is a value.
    pub fn header(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.headers.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// With a JSON body.
    pub fn body(mut self, body: &impl Serialize) -> Result<Self, Failure> {
        self.body =
            Some(serde_json::to_vec(body).map_err(|error| Failure::Local(error.to_string()))?);
        self.headers.push(("content-type", "application/json".into()));
        Ok(self)
    }

    /// With a body of another media type.
    pub fn text(mut self, media_type: &str, body: String) -> Self {
        self.body = Some(body.into());
        self.headers.push(("content-type", media_type.into()));
        self
    }

    /// Whether making it twice is like making it once.
    fn is_repeatable(&self) -> bool {
        let named = self.headers.iter().any(|(name, _)| *name == "idempotency-key");
        // An event of reported usage counts once, by its source and id.
        let is_known =
            self.headers.iter().any(|(_, value)| value.starts_with("application/cloudevents"));
        named || is_known || self.method == Method::GET || self.method == Method::PUT
    }

    /// In words, for messages.
    fn name(&self) -> String {
        format!("{} /{}", self.method, self.path.join("/"))
    }
}

impl Answer {
    /// The body, read.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.body).map_err(output::no_json)
    }

    /// A header field, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long to leave the server alone.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }
}

impl Client {
    /// A client of the server at `url`; without a key, for what needs none.
    pub fn new(url: &str, key: Option<Secret>) -> Result<Self, Failure> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| {
            Failure::Usage(format!(
                "{url:?} is no address of a server, such as https://tollgate.example.com"
            ))
        })?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("tollgate-cli/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            // The API has none, and a key must not follow one to another server.
            .redirect(redirect::Policy::none());
        // What is on this machine is reached directly, whatever proxy the environment names.
        let http = if is_here(&base) { http.no_proxy() } else { http };
        let http = http.build().map_err(|error| Failure::Local(reason(&error)))?;
        Ok(Self { http, base, key, attempts: ATTEMPTS })
    }

    /// Whether the key goes over a network where others can read it.
    pub fn is_exposed(&self) -> bool {
        self.base.scheme() == "http" && !is_here(&self.base)
    }

    /// The same client, which believes the first failure: for callers that have a patience of their own.
    pub fn impatient(&self) -> Self {
        Self { attempts: 1, ..self.clone() }
    }

    /// The key, if there is one.
    pub fn key(&self) -> Option<&Secret> {
        self.key.as_ref()
    }

    /// The server's address.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Makes a call; again, with growing pauses, where that is safe and may help.
    pub async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        let mut pause = FIRST_PAUSE;
        for left in (0..self.attempts).rev() {
            let failure = match self.send_once(call).await {
                Ok(answer) => return Ok(answer),
                Err((failure, received)) if left > 0 && may_repeat(call, &failure, received) => {
                    failure
                }
                Err((failure, _)) => return Err(failure),
            };
            let told = match &failure {
                Failure::Refused(refusal) => refusal.retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            if told > LONGEST_PAUSE {
                return Err(failure);
            }
            // Full jitter, but for half a pause: clients of one outage don't come back in step.
            let jittered = pause.mul_f64(rand::random_range(0.5..1.0));
            tokio::time::sleep(jittered.max(told)).await;
            pause *= 2;
        }
        Err(Failure::Local("no attempt was made".into()))
    }

    /// Makes a call once; of a failure, also tells whether the server may have received the call.
    async fn send_once(&self, call: &Call) -> Result<Answer, (Failure, bool)> {
        // An address would lose them, and name something else.
        if let Some(segment) =
            call.path.iter().find(|segment| matches!(segment.as_str(), "" | "." | ".."))
        {
            return Err((Failure::Usage(format!("{segment:?} is nothing's id or name.")), false));
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
            why: reason(error),
        };
        let response = request.send().await.map_err(|error| {
            if error.is_builder() {
                (Failure::Usage(reason(&error)), false)
            } else {
                (unreachable(&error), !error.is_connect())
            }
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.map_err(|error| (unreachable(&error), true))?;
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(Answer { status: status.as_u16(), headers, body });
        }
        let is_collection = call.path.len() <= 2;
        let refusal =
            Refusal::read(status, retry_after(&headers), &body, &call.name(), is_collection);
        Err((Failure::Refused(Box::new(refusal)), true))
    }

    fn address(&self, call: &Call) -> Url {
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

/// Whether a server is on this machine.
fn is_here(url: &Url) -> bool {
    url.host_str().is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]"))
}

/// Whether a call that failed so is worth another try, and harmless.
fn may_repeat(call: &Call, failure: &Failure, received: bool) -> bool {
    match failure {
        Failure::Unreachable { .. } => !received || call.is_repeatable(),
        Failure::Refused(refusal) => match refusal.status.as_u16() {
            429 => true,
            // The first request with this Idempotency-Key is still under way.
            409 => refusal.retry_after.is_some() && call.is_repeatable(),
            500 | 502 | 503 | 504 => call.is_repeatable(),
            _ => false,
        },
        _ => false,
    }
}

fn authorization(key: &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.reveal()))
        .map_err(|_| Failure::Usage("The key has characters that no key has.".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The innermost cause, which says what happened; the outer ones say where, and name the whole address.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

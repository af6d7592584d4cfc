//! The `http` target: one signed `POST`.

use std::{
    error::Error as _,
    fmt,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::{Duration, UNIX_EPOCH},
};

use reqwest::{Client, RequestBuilder, Url, redirect};
use shared::{
    account::WebhookSecret,
    id::JobId,
    job::{ErrorCode, Outcome, Payload},
    kind::Headers,
    telemetry::Traceparent,
    time::Time,
};
use standardwebhooks::Webhook;

use super::{
    NotAllowed,
    address::{PublicOnly, is_public},
    answer,
};
use crate::attempt::{fail, retry};

const CONNECT: Duration = Duration::from_secs(5);
/// For how long a connection is used again: a function may be frozen for longer than its peer keeps one.
const IDLE: Duration = Duration::from_secs(15);

/// The way to targets.
pub struct Targets {
    allow_private: bool,
    /// Made when it is first needed: most of it is reading root certificates, and not every function meets an `http` target.
    client: OnceLock<Result<Client, String>>,
}

/// All that an attempt at an `http` target takes.
#[derive(Debug)]
pub struct HttpAttempt<'a> {
    /// Where it goes.
    pub url: &'a str,
    /// What the kind adds to every request.
    pub headers: &'a Headers,
    /// What it brings.
    pub payload: &'a Payload,
    /// By which the target recognises a repeat.
    pub id: JobId,
    /// The how-manieth it is.
    pub number: u32,
    /// Sign it, each for itself.
    pub secrets: Vec<&'a WebhookSecret>,
    /// The client's trace.
    pub trace: Option<&'a Traceparent>,
    /// For all of it, from connecting to the end of the answer.
    pub timeout: Duration,
}

impl Targets {
    /// With or without targets at private, loopback and link-local addresses.
    pub const fn new(allow_private: bool) -> Self {
        Self { allow_private, client: OnceLock::new() }
    }

    /// Posts a job to its target and reads what the answer means.
    pub async fn post(&self, attempt: HttpAttempt<'_>, now: Time) -> Outcome {
        let timeout = attempt.timeout;
        match tokio::time::timeout(timeout, self.exchange(attempt, now)).await {
            Ok(outcome) => outcome,
            Err(_) => retry(
                ErrorCode::TargetTimeout,
                &format!("the target took longer than {} s", timeout.as_secs()),
            ),
        }
    }

    async fn exchange(&self, attempt: HttpAttempt<'_>, now: Time) -> Outcome {
        let client = match self.client.get_or_init(|| connector(self.allow_private)) {
            Ok(client) => client,
            Err(cause) => {
                tracing::error!(cause, "no HTTP client could be made");
                return retry(ErrorCode::GatewayUnavailable, "the gateway could not open a connection");
            }
        };
        let Ok(url) = attempt.url.parse::<Url>() else {
            return fail(ErrorCode::TargetUnreachable, "the target's address can't be read");
        };
        // A name is checked when it is resolved; an address that needs no resolving is checked here.
        if !self.allow_private && literal(&url).is_some_and(|address| !is_public(address)) {
            return NotAllowed.into();
        }
        let Ok(request) = signed(client.post(url), &attempt, now) else {
            return fail(ErrorCode::TargetForbidden, "the account's signing secret can't be read");
        };
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.millis()).unwrap_or(0));
        let answered = match request.send().await {
            Ok(response) => answer::read(response, now).await,
            Err(error) => Err(error),
        };
        answered.unwrap_or_else(|error| fault(&error))
    }
}

fn connector(allow_private: bool) -> Result<Client, String> {
    // Fails when it was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = Client::builder()
        .connect_timeout(CONNECT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
    if !allow_private {
        client = client.dns_resolver(Arc::new(PublicOnly));
    }
    client.build().map_err(|error| error.to_string())
}

fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// With the headers of Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
fn signed(
    request: RequestBuilder,
    attempt: &HttpAttempt<'_>,
    now: Time,
) -> Result<RequestBuilder, standardwebhooks::WebhookError> {
    let (id, timestamp) = (attempt.id.to_string(), now.millis().div_euclid(1000));
    let body = attempt.payload.as_str();
    let sign = |secret: &&WebhookSecret| Webhook::new(secret.reveal())?.sign(&id, timestamp, body.as_bytes());
    let signatures = attempt.secrets.iter().map(sign).collect::<Result<Vec<_>, _>>()?;
    let mut request = request;
    for (name, value) in &attempt.headers.0 {
        request = request.header(name, value);
    }
    if let Some(trace) = attempt.trace {
        request = request.header("traceparent", trace.as_str());
    }
    Ok(request
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signatures.join(" "))
        .header("tollgate-attempt", attempt.number)
        .body(body.to_owned()))
}

fn fault(error: &reqwest::Error) -> Outcome {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    if causes.any(|cause| cause.is::<NotAllowed>()) {
        return NotAllowed.into();
    }
    let what = if error.is_connect() { "could not be reached" } else { "broke off the exchange" };
    retry(ErrorCode::TargetUnreachable, &format!("the target {what}"))
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Targets(allow_private: {})", self.allow_private)
    }
}

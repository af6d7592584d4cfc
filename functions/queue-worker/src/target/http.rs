//! The `http` target: one signed `POST`.

use std::time::{Duration, UNIX_EPOCH};

use model::{
    account::WebhookSecret,
    endpoint::Headers,
    id::JobId,
    job::{ErrorCode, Outcome, Payload},
    time::Time,
};
use outbound::{Outbound, OutboundError, is_address_refused};
use reqwest::RequestBuilder;
use runtime::telemetry::Traceparent;
use standardwebhooks::Webhook;

use super::response;
use crate::outcome::{fail, not_allowed, retry};

/// The HTTP client for targets.
#[derive(Debug)]
pub struct Targets(Outbound);

#[derive(Debug)]
pub struct HttpAttempt<'a> {
    pub url: &'a str,
    /// The kind's own headers, added to every request.
    pub headers: &'a Headers,
    pub payload: &'a Payload,
    /// Sent as `webhook-id`, by which the target recognises a repeated request.
    pub id: JobId,
    /// Attempt number, starting at 1.
    pub number: u32,
    /// Each secret adds its own signature.
    pub secrets: Vec<&'a WebhookSecret>,
    /// The client's trace context.
    pub trace: Option<&'a Traceparent>,
    /// Limit for the whole exchange, from connecting to the end of the response.
    pub timeout: Duration,
}

impl Targets {
    /// `allow_private` permits targets at private, loopback and link-local addresses.
    pub fn new(allow_private: bool) -> Self {
        Self::with_client(Outbound::new(allow_private))
    }

    pub const fn with_client(client: Outbound) -> Self {
        Self(client)
    }

    /// Posts a job to its target and interprets the response.
    pub async fn post(&self, attempt: HttpAttempt<'_>, now: Time) -> Outcome {
        let timeout = attempt.timeout;
        match tokio::time::timeout(timeout, self.send(attempt, now)).await {
            Ok(outcome) => outcome,
            Err(_) => retry(
                ErrorCode::TargetTimeout,
                &format!("the target did not respond within {} s", timeout.as_secs()),
            ),
        }
    }

    async fn send(&self, attempt: HttpAttempt<'_>, now: Time) -> Outcome {
        let (client, url) = match self.0.prepare(attempt.url) {
            Ok(prepared) => prepared,
            Err(OutboundError::NotPublic(_)) => return not_allowed(),
            Err(OutboundError::InvalidAddress) => {
                return fail(ErrorCode::TargetUnreachable, "invalid target address");
            }
            Err(OutboundError::ClientBuild(cause)) => {
                tracing::error!(cause, "HTTP client setup failed");
                return retry(
                    ErrorCode::GatewayUnavailable,
                    "the gateway could not open a connection",
                );
            }
        };
        let Ok(request) = signed(client.post(url), &attempt, now) else {
            return fail(ErrorCode::TargetForbidden, "invalid signing secret");
        };
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.millis()).unwrap_or(0));
        let result = match self.0.send(request).await {
            Ok(response) => response::read(response, now).await,
            Err(error) => Err(error),
        };
        result.unwrap_or_else(|error| error_outcome(&error))
    }
}

/// Adds the headers of Standard Webhooks
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
fn signed(
    request: RequestBuilder,
    attempt: &HttpAttempt<'_>,
    now: Time,
) -> Result<RequestBuilder, standardwebhooks::WebhookError> {
    let (id, timestamp) = (attempt.id.to_string(), now.millis().div_euclid(1000));
    let body = attempt.payload.as_str();
    let sign = |secret: &&WebhookSecret| {
        Webhook::new(secret.reveal())?.sign(&id, timestamp, body.as_bytes())
    };
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

fn error_outcome(error: &reqwest::Error) -> Outcome {
    if is_address_refused(error) {
        return not_allowed();
    }
    let message = if error.is_connect() {
        "the target could not be reached"
    } else {
        "the target closed the connection"
    };
    retry(ErrorCode::TargetUnreachable, message)
}

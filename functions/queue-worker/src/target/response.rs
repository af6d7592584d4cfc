//! Turns a target's HTTP response into an outcome.

use std::time::{Duration, SystemTime};

use model::job::{ErrorCode, JobError, MAX_RESULT_BYTES, Outcome};
use reqwest::{Response, StatusCode, header::HeaderMap};
use serde_json::value::{RawValue, to_raw_value};

/// The outcome that a response's status stands for. The body is read for 2xx only.
pub async fn read(response: Response, now: SystemTime) -> Result<Outcome, reqwest::Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(match body(response).await? {
            Some(body) => Outcome::Complete(result(&body)),
            None => Outcome::Fail {
                error: JobError::new(
                    ErrorCode::ResultTooLarge,
                    format!("the target's answer must be at most {MAX_RESULT_BYTES} bytes"),
                ),
                http_status: Some(status.as_u16()),
            },
        });
    }
    let http_status = Some(status.as_u16());
    let error = |suffix: &str| {
        JobError::new(
            ErrorCode::TargetStatus,
            format!("the target returned {}{suffix}", status.as_u16()),
        )
    };
    Ok(match status.as_u16() {
        408 | 425 | 429 | 500..=599 => {
            let after = retry_after(status, response.headers(), now);
            Outcome::Retry { after, error: error(""), http_status }
        }
        300..=399 => Outcome::Fail { error: error("; redirects are not followed"), http_status },
        410 => Outcome::Fail { error: error("; the target is gone permanently"), http_status },
        _ => Outcome::Fail { error: error(""), http_status },
    })
}

/// The body, or `None` if it exceeds `MAX_RESULT_BYTES`. Reading stops at that limit.
async fn body(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_RESULT_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// Keeps JSON as received. An empty body is `null`; any other text becomes a JSON string.
fn result(body: &[u8]) -> Box<RawValue> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return RawValue::NULL.to_owned();
    }
    let parsed = std::str::from_utf8(body)
        .ok()
        .and_then(|text| serde_json::from_str::<Box<RawValue>>(text).ok());
    // `RawValue` checks the syntax only; a full parse also rejects numbers and nesting that clients
    // couldn't parse.
    let valid = parsed.filter(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).is_ok());
    valid.unwrap_or_else(|| {
        to_raw_value(&String::from_utf8_lossy(body)).unwrap_or_else(|_| RawValue::NULL.to_owned())
    })
}

/// `Retry-After` of a 429 or 503, in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if status != StatusCode::TOO_MANY_REQUESTS && status != StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(Duration::from_secs(seconds.into())),
        Err(_) => httpdate::parse_http_date(text)
            .ok()
            .map(|at| at.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_bodies_become_json() {
        for (body, json) in [
            (&b""[..], "null"),
            (b" \n", "null"),
            (b"{\"a\":1.50}", "{\"a\":1.50}"),
            (b" [1] ", "[1]"),
            (b"OK", "\"OK\""),
            (b"<p>\"x\"</p>", "\"<p>\\\"x\\\"</p>\""),
            (b"\xff", "\"\u{fffd}\""),
            (b"{\"a\":1}{", "\"{\\\"a\\\":1}{\""),
        ] {
            assert_eq!(result(body).get(), json);
        }
    }

    #[test]
    fn parses_retry_after() {
        let now = httpdate::parse_http_date("Fri, 20 Nov 2026 16:00:00 GMT").unwrap();
        let delay = |status: u16, text: &str| {
            let headers =
                [("retry-after".parse().unwrap(), text.parse().unwrap())].into_iter().collect();
            retry_after(StatusCode::from_u16(status).unwrap(), &headers, now)
                .map(|delay| delay.as_secs())
        };
        assert_eq!(delay(503, "7"), Some(7));
        assert_eq!(delay(429, "Fri, 20 Nov 2026 16:01:00 GMT"), Some(60));
        assert_eq!(delay(429, "Fri, 20 Nov 2026 15:00:00 GMT"), Some(0));
        assert_eq!(delay(500, "7"), None);
        assert_eq!(delay(503, "soon"), None);
    }
}

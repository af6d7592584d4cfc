//! Errors and their exit codes.

use std::{fmt, io, time::Duration};

use api::ProblemBody;
use model::job::Status;
use reqwest::StatusCode;

/// Shown at the end of `--help` and the man page.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    success; with --wait, the job completed
  1    local error: a file, the profiles, the terminal
  2    invalid arguments
  3    invalid request (400, 413, 415, 422)
  4    the key is missing, invalid or lacks a scope (401, 403)
  5    not found (404)
  6    conflict with the current state (409)
  7    too many requests, or a quota is used up (429)
  8    server error (5xx), after retries
  9    the server can't be reached
  10   the job failed
  11   the job was cancelled
  12   the job did not end within --timeout; it continues
  130  ended by Ctrl-C";

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An error on this machine: a file, the profiles, the terminal.
    #[error("{0}")]
    Local(String),
    /// Invalid arguments.
    #[error("{0}")]
    Usage(String),
    /// The server responded with an error status.
    #[error("{0}")]
    Rejected(Box<ErrorResponse>),
    /// No response was received.
    #[error("cannot reach {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// The awaited job ended as failed or cancelled.
    #[error("{message}")]
    NotCompleted { status: Status, message: String },
    /// The awaited job did not end within the timeout.
    #[error("{0}")]
    TimedOut(String),
    /// Ctrl-C.
    #[error("{0}")]
    Interrupted(String),
    /// The reader of the output closed the pipe, as `| head` does.
    #[error("the output was closed")]
    OutputClosed,
}

impl Failure {
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Local(_) => 1,
            Self::Usage(_) => 2,
            Self::Rejected(refusal) => refusal.exit_code(),
            Self::Unreachable { .. } => 9,
            Self::NotCompleted { status: Status::Cancelled, .. } => 11,
            Self::NotCompleted { .. } => 10,
            Self::TimedOut(_) => 12,
            Self::Interrupted(_) => 130,
            // 128 + SIGPIPE (13), as shells report it.
            Self::OutputClosed => 141,
        }
    }

    /// Replaces the message and keeps the exit code.
    #[must_use]
    pub fn with_message(self, message: String) -> Self {
        match self {
            Self::Rejected(refusal) => {
                Self::Rejected(Box::new(ErrorResponse { message, ..*refusal }))
            }
            Self::Local(_) => Self::Local(message),
            Self::Usage(_) => Self::Usage(message),
            other => other,
        }
    }

    /// Whether the server or the network is down or overloaded, so that a later retry may
    /// succeed.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Rejected(refusal) => {
                refusal.status.is_server_error() || refusal.status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }

    /// HTTP status, if the server responded.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Rejected(refusal) => Some(refusal.status.as_u16()),
            _ => None,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Local(error.to_string())
        }
    }
}

/// An error response of the server.
#[derive(Debug)]
pub struct ErrorResponse {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub message: String,
}

impl ErrorResponse {
    /// Reads an error response. `call` names the request, such as `GET /v1/jobs`.
    ///
    /// If `is_collection`, the path names no single item, so a 404 means that the server has no
    /// such route.
    #[must_use]
    pub fn read(
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &str,
        call: &str,
        is_collection: bool,
    ) -> Self {
        let problem = serde_json::from_str::<ProblemBody>(body).ok();
        let message = match problem {
            _ if status == StatusCode::NOT_FOUND && (is_collection || problem.is_none()) => {
                format!(
                    "The server has no such route ({call}). \
                     Check the address and the server's version."
                )
            }
            Some(problem) => problem_text(&problem),
            None => match gateway_message(status, body) {
                Some(said) => {
                    format!(
                        "{call} returned status {status} \
                         by the gateway in front of Tollgate: {said}"
                    )
                }
                None => {
                    let said = excerpt(body);
                    format!("{call} returned status {status}, with an unexpected body: {said}")
                }
            },
        };
        Self { status, retry_after, message }
    }

    /// An error with a ready message; `status` is an HTTP error status.
    #[must_use]
    pub fn of(status: u16, message: String) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, retry_after: None, message }
    }

    fn exit_code(&self) -> u8 {
        match self.status.as_u16() {
            401 | 403 => 4,
            404 => 5,
            409 => 6,
            429 => 7,
            400..=499 => 3,
            _ => 8,
        }
    }
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Describes a response of API Gateway itself. Its body has a `message`; Tollgate's problems have
/// a `type` (docs/problems.md).
fn gateway_message(status: StatusCode, body: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        message: String,
    }
    let Body { message } = serde_json::from_str(body).ok()?;
    let message = excerpt(&message);
    let hint = match status.as_u16() {
        413 => "the request is too large",
        429 | 503 => "too many concurrent requests; try again later",
        500 | 502 | 504 => "no response from Tollgate; the request may have been processed",
        _ => return Some(message),
    };
    Some(format!("{message} ({hint})"))
}

/// The first 200 characters of untrusted text, without control characters.
fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Formats a problem: title and detail, one line per violation, then status, slug and request id.
pub fn problem_text(problem: &ProblemBody) -> String {
    let slug = problem.r#type.rsplit(':').next().unwrap_or_default();
    let mut lines = vec![format!("{}: {}", problem.title, problem.detail)];
    lines.extend(problem.errors.iter().flatten().map(|error| {
        let pointer = if error.pointer.is_empty() { "(body)" } else { &error.pointer };
        format!("  {pointer}: {}", error.detail)
    }));
    lines.push(format!("  ({} {slug}, request {})", problem.status, problem.request_id));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, slug: &str, is_collection: bool) -> ErrorResponse {
        let body = format!(
            r#"{{"type": "urn:tollgate:problem:{slug}", "title": "T", "status": {status},
                "detail": "D.", "request_id": "r"}}"#
        );
        ErrorResponse::read(
            StatusCode::from_u16(status).unwrap(),
            None,
            &body,
            "GET /v1/x",
            is_collection,
        )
    }

    #[test]
    fn a_404_for_a_collection_means_an_unknown_route() {
        assert_eq!(refusal(404, "not-found", false).message, "T: D.\n  (404 not-found, request r)");
        assert!(refusal(404, "not-found", true).message.contains("has no such route (GET /v1/x)"));
    }

    #[test]
    fn each_status_has_its_exit_code() {
        let codes = [
            (400, 3),
            (401, 4),
            (403, 4),
            (404, 5),
            (409, 6),
            (413, 3),
            (422, 3),
            (429, 7),
            (500, 8),
            (503, 8),
        ];
        for (status, code) in codes {
            assert_eq!(
                Failure::Rejected(Box::new(refusal(status, "x", false))).exit_code(),
                code,
                "{status}"
            );
        }
    }

    #[test]
    fn quotes_foreign_responses_without_control_characters() {
        let html = ErrorResponse::read(
            StatusCode::BAD_GATEWAY,
            None,
            "<h1>\u{1b}[2J Bad</h1>",
            "GET /v1/x",
            true,
        );
        assert_eq!(
            html.message,
            "GET /v1/x returned status 502 Bad Gateway, with an unexpected body: \
             <h1>[2J Bad</h1>"
        );
    }
}

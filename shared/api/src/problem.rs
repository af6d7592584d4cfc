use serde::{Deserialize, Serialize};

use model::{
    account::{Scope, TooManySecrets},
    job::Status,
    quota::Exhausted,
    usage::MAX_SERIES,
    violation::Violation,
};

/// All errors of the API: one variant per slug in RFC 9457's `type`, each with a section in
/// `docs/problems.md`.
///
/// Title and detail are for the client. Internal causes are logged where they occur and never
/// included here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No such route, or no resource that the caller may access.
    NotFound,
    MethodNotAllowed {
        /// Allowed methods, separated by commas.
        allow: String,
    },
    /// No key, or an invalid one.
    Unauthenticated,
    /// The key lacks a scope.
    MissingScope(Scope),
    AccountInactive,
    TargetAccountInactive,
    /// The body exceeds 256 KiB.
    PayloadTooLarge,
    /// The `Content-Type` isn't JSON.
    UnsupportedMediaType,
    MalformedJson {
        /// Position and cause of the syntax error.
        detail: String,
    },
    /// A query parameter, path parameter, header or cursor is invalid.
    InvalidParameter {
        name: &'static str,
        /// Completes the sentence that begins with the name.
        detail: String,
    },
    /// The body violates its schema or another rule.
    InvalidBody(Vec<Violation>),
    /// The `Idempotency-Key` was used for a different request within 24 hours.
    IdempotencyKeyReused,
    /// The first request with this `Idempotency-Key` is still in progress.
    IdempotencyInProgress,
    /// The job is finished and can't be cancelled.
    JobFinished(Status),
    /// The job can't be retried, for this reason.
    NotRetryable(&'static str),
    /// The kind has unfinished jobs, or too many jobs to rule that out.
    KindInUse,
    /// The account has reached the limit of webhook secrets.
    TooManySecrets(TooManySecrets),
    /// The request would revoke the key that it is made with.
    OwnAccess,
    /// The account has reached the limit of push subscribers.
    TooManySubscribers,
    /// The connection has a subscription already.
    AlreadySubscribed,
    /// The account has reached the limit of usage series.
    TooManySeries,
    /// A quota of the account is used up and enforced.
    QuotaExceeded(Exhausted),
    /// A dependency is unavailable.
    Unavailable,
    /// Internal error.
    Internal,
}

impl Problem {
    /// # Errors
    /// [`InvalidBody`](Self::InvalidBody) if there are violations.
    pub fn check_body(violations: Vec<Violation>) -> Result<(), Self> {
        if violations.is_empty() { Ok(()) } else { Err(Self::InvalidBody(violations)) }
    }

    /// The part of `type` after `urn:tollgate:problem:`.
    #[must_use]
    pub const fn slug(&self) -> &'static str {
        self.definition().0
    }

    #[must_use]
    pub const fn status(&self) -> u16 {
        self.definition().1
    }

    const fn definition(&self) -> (&'static str, u16, &'static str) {
        match self {
            Self::NotFound => ("not-found", 404, "Not found"),
            Self::MethodNotAllowed { .. } => ("method-not-allowed", 405, "Method not allowed"),
            Self::Unauthenticated => ("unauthenticated", 401, "Missing or invalid key"),
            Self::MissingScope(_) => ("missing-scope", 403, "The key lacks the required scope"),
            Self::AccountInactive => ("account-inactive", 403, "Account deactivated"),
            Self::TargetAccountInactive => ("account-inactive", 409, "Account deactivated"),
            Self::PayloadTooLarge => ("payload-too-large", 413, "The body is too large"),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", 415, "The content type is not JSON")
            }
            Self::MalformedJson { .. } => ("malformed-json", 400, "The body is not JSON"),
            Self::InvalidParameter { .. } => ("invalid-parameter", 400, "A parameter is invalid"),
            Self::InvalidBody(_) => ("invalid-body", 422, "The body is invalid"),
            Self::IdempotencyKeyReused => {
                ("idempotency-key-reused", 422, "The idempotency key was used for another request")
            }
            Self::IdempotencyInProgress => {
                ("idempotency-in-progress", 409, "The first request is still in progress")
            }
            Self::JobFinished(_) => ("job-finished", 409, "The job is finished"),
            Self::NotRetryable(_) => ("not-retryable", 409, "The job can't be retried"),
            Self::KindInUse => ("kind-in-use", 409, "The kind has unfinished jobs"),
            Self::TooManySecrets(_) => ("too-many-secrets", 409, "Too many webhook secrets"),
            Self::OwnAccess => ("own-access", 409, "The request would disable its own key"),
            Self::TooManySubscribers => ("too-many-subscribers", 409, "Too many subscribers"),
            Self::AlreadySubscribed => ("subscribed", 409, "The connection is already subscribed"),
            Self::TooManySeries => ("too-many-series", 409, "Too many usage series"),
            Self::QuotaExceeded(_) => ("quota-exceeded", 429, "Quota exceeded"),
            Self::Unavailable => ("unavailable", 503, "Temporarily unavailable"),
            Self::Internal => ("internal", 500, "Internal error"),
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::NotFound => "Not found, or not visible to this key.".to_owned(),
            Self::MethodNotAllowed { allow } => format!("Allowed methods: {allow}."),
            Self::Unauthenticated => {
                "Send a valid API key as `Authorization: Bearer tg_…`.".to_owned()
            }
            Self::MissingScope(scope) => format!("Required scope: {scope}."),
            Self::AccountInactive => "The account of this key is deactivated.".to_owned(),
            Self::TargetAccountInactive => {
                "The account named in the request is deactivated.".to_owned()
            }
            Self::PayloadTooLarge => "The body must be at most 262144 bytes.".to_owned(),
            Self::UnsupportedMediaType => {
                "Content-Type must be application/json or application/*+json.".to_owned()
            }
            Self::MalformedJson { detail } => detail.clone(),
            Self::InvalidParameter { name, detail } => format!("{name} {detail}."),
            Self::InvalidBody(violations) => match violations.len() {
                1 => "1 violation; see errors.".to_owned(),
                n => format!("{n} violations; see errors."),
            },
            Self::IdempotencyKeyReused => {
                "This key was used with another body or route within 24 hours.".to_owned()
            }
            Self::IdempotencyInProgress => "Repeat the request after a second.".to_owned(),
            Self::JobFinished(status) => format!("The job is {status} and can't be cancelled."),
            Self::NotRetryable(why) => format!("The job can't be retried: {why}."),
            Self::TooManySecrets(TooManySecrets { until }) => {
                format!("Limit of 3 secrets reached; the first expires at {until}.")
            }
            Self::OwnAccess => "The request would disable its own key; use another one.".to_owned(),
            Self::KindInUse => "Jobs of this kind are unfinished, or too many to check.".to_owned(),
            Self::TooManySubscribers => "Limit of 100 connections per account reached.".to_owned(),
            Self::AlreadySubscribed => "A connection can subscribe only once.".to_owned(),
            Self::TooManySeries => {
                format!("The account reports {MAX_SERIES} series (type, service, route) already.")
            }
            Self::QuotaExceeded(Exhausted { quota, limit_bytes, until, .. }) => {
                format!(
                    "The quota {quota} of {limit_bytes} bytes is used up; the next period begins \
                     at {until}."
                )
            }
            Self::Unavailable => {
                "Repeat the request, with the same Idempotency-Key if any.".to_owned()
            }
            Self::Internal => "Internal error; give the operator the request id.".to_owned(),
        }
    }

    /// Plain-text form, for clients that don't read problem documents: the detail, or all
    /// violations of the body, one per line.
    #[must_use]
    pub fn plain_text(&self) -> String {
        let Self::InvalidBody(violations) = self else { return self.detail() };
        let line = |violation: &Violation| match &*violation.pointer {
            "" => violation.detail.clone(),
            pointer => format!("{pointer}: {}", violation.detail),
        };
        violations.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Problem document with the request id.
    #[must_use]
    pub fn body(&self, request_id: &str) -> ProblemBody {
        let (slug, status, title) = self.definition();
        ProblemBody {
            r#type: format!("urn:tollgate:problem:{slug}"),
            title: title.to_owned(),
            status,
            detail: self.detail(),
            request_id: request_id.to_owned(),
            errors: match self {
                Self::InvalidBody(violations) => Some(violations.clone()),
                _ => None,
            },
        }
    }

    /// Header fields of the response.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Unauthenticated => vec![("www-authenticate", "Bearer".to_owned())],
            Self::MissingScope(scope) => {
                // RFC 6750, section 3.1
                vec![(
                    "www-authenticate",
                    format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""),
                )]
            }
            Self::MethodNotAllowed { allow } => vec![("allow", allow.clone())],
            Self::QuotaExceeded(exhausted) => {
                let retry = ("retry-after", exhausted.retry_after().to_string());
                [retry].into_iter().chain(exhausted.rate_limit_headers()).collect()
            }
            Self::IdempotencyInProgress | Self::Unavailable => {
                vec![("retry-after", "1".to_owned())]
            }
            _ => Vec::new(),
        }
    }
}

impl From<TooManySecrets> for Problem {
    fn from(why: TooManySecrets) -> Self {
        Self::TooManySecrets(why)
    }
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// Problem type: `urn:tollgate:problem:` and a slug.
    #[schema(examples("urn:tollgate:problem:invalid-body"))]
    pub r#type: String,
    /// Short summary of the problem type.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Explanation and remedy.
    pub detail: String,
    /// Id of the request, for the operator.
    pub request_id: String,
    /// With `invalid-body`: all violations, at most 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<Violation>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::Time;

    fn all_problems() -> Vec<Problem> {
        vec![
            Problem::NotFound,
            Problem::MethodNotAllowed { allow: "GET, POST".into() },
            Problem::Unauthenticated,
            Problem::MissingScope(Scope::JobsWrite),
            Problem::AccountInactive,
            Problem::TargetAccountInactive,
            Problem::PayloadTooLarge,
            Problem::UnsupportedMediaType,
            Problem::MalformedJson { detail: "expected value at line 1 column 2".into() },
            Problem::InvalidParameter {
                name: "limit",
                detail: "is not a number from 1 to 100".into(),
            },
            Problem::InvalidBody(vec![Violation::new("/kind", "is required")]),
            Problem::IdempotencyKeyReused,
            Problem::IdempotencyInProgress,
            Problem::JobFinished(Status::Completed),
            Problem::NotRetryable("it is not failed or cancelled"),
            Problem::KindInUse,
            Problem::TooManySecrets(TooManySecrets { until: Time::from_seconds(1_763_654_400) }),
            Problem::OwnAccess,
            Problem::TooManySubscribers,
            Problem::AlreadySubscribed,
            Problem::TooManySeries,
            Problem::QuotaExceeded(Exhausted {
                quota: "daily".parse().unwrap(),
                limit_bytes: 1_000_000_000,
                window: 86_400,
                until: Time::from_seconds(1_763_683_200),
                reset: 28_800,
            }),
            Problem::Unavailable,
            Problem::Internal,
        ]
    }

    #[test]
    fn bodies_and_headers() {
        let shown: Vec<_> = all_problems()
            .iter()
            .map(|problem| (problem.body("req-1"), problem.headers()))
            .collect();
        insta::assert_json_snapshot!(shown);
    }

    #[test]
    fn text_lists_all_violations() {
        let two = vec![Violation::new("", "is too large"), Violation::new("/id", "is required")];
        assert_eq!(Problem::InvalidBody(two).plain_text(), "is too large\n/id: is required");
        assert_eq!(Problem::MalformedJson { detail: "Line 1.".into() }.plain_text(), "Line 1.");
    }

    #[test]
    fn every_problem_is_documented() {
        let documentation = include_str!("../../../docs/problems.md");
        for problem in all_problems() {
            let heading = format!("\n## `{}` ({})\n", problem.slug(), problem.status());
            assert!(
                documentation.contains(&heading),
                "docs/problems.md has no section {heading:?}"
            );
        }
        assert_eq!(
            documentation.matches("\n## `").count(),
            all_problems().len(),
            "a section without a problem"
        );
    }
}

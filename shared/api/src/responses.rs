use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, PartialSchema,
    openapi::{
        ContentBuilder, HeaderBuilder, ObjectBuilder, RefOr, Response, ResponseBuilder,
        schema::{Schema, Type},
    },
};

use super::ProblemBody;

/// Errors of every operation.
#[derive(Debug)]
pub struct AnyProblem;

/// Additional errors of operations with a body.
#[derive(Debug)]
pub struct BodyProblem;

/// Additional errors of operations with an `Idempotency-Key`.
#[derive(Debug)]
pub struct IdempotencyProblem;

/// Additional errors of operations that a used-up quota blocks.
#[derive(Debug)]
pub struct QuotaProblem;

/// [`QuotaProblem`] as plain text.
#[derive(Debug)]
pub struct QuotaTextProblem;

/// [`AnyProblem`] as plain text.
#[derive(Debug)]
pub struct TextProblem;

impl IntoResponses for AnyProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problem_responses(&[
            ("400", "A query parameter, header, id or cursor is invalid"),
            ("401", "No valid key"),
            ("403", "The key lacks the required scope, or its account is deactivated"),
            ("404", "Not found, or not visible to this key"),
            ("405", "Method not allowed"),
            ("500", "Internal error"),
            ("503", "Temporarily unavailable; retry after `Retry-After`"),
        ])
    }
}

impl IntoResponses for BodyProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problem_responses(&[
            ("413", "The body exceeds 256 KiB"),
            ("415", "The content type is not JSON"),
            ("422", "The body is invalid; `errors` lists every violation"),
        ])
    }
}

impl IntoResponses for IdempotencyProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problem_responses(&[(
            "409",
            "The first request with this `Idempotency-Key` is in progress; see `Retry-After`",
        )])
    }
}

const QUOTA_EXCEEDED: (&str, &str) =
    ("429", "A quota of the account is exceeded; retry after `Retry-After`");

impl IntoResponses for QuotaProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problem_responses(&[QUOTA_EXCEEDED])
    }
}

impl IntoResponses for QuotaTextProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        text_responses(&[QUOTA_EXCEEDED])
    }
}

impl IntoResponses for TextProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        text_responses(&[
            ("400", "The request is invalid; one violation per line"),
            ("401", "No valid key"),
            ("403", "The key lacks the required scope, or its account is deactivated"),
            ("404", "Not found, or not visible to this key"),
            ("405", "Method not allowed"),
            ("500", "Internal error"),
            ("503", "Temporarily unavailable; retry after `Retry-After`"),
        ])
    }
}

fn text_responses(rows: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let reason = Schema::from(ObjectBuilder::new().schema_type(Type::String));
    let content = ContentBuilder::new().schema(Some(reason)).build();
    let text = |status, about: &str| {
        let answer =
            ResponseBuilder::new().description(about).content("text/plain", content.clone());
        with_headers(answer, status).build()
    };
    rows.iter().map(|(status, about)| ((*status).to_owned(), text(status, about).into())).collect()
}

fn problem_responses(rows: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let problem = |status: &str, about: &str| {
        let content = ContentBuilder::new().schema(Some(ProblemBody::schema())).build();
        let answer =
            ResponseBuilder::new().description(about).content("application/problem+json", content);
        with_headers(answer, status).build()
    };
    rows.iter()
        .map(|(status, about)| ((*status).to_owned(), problem(status, about).into()))
        .collect()
}

/// Header fields of a response with this status. A test compares them with those that
/// [`Problem`](super::Problem) sends.
fn with_headers(answer: ResponseBuilder, status: &str) -> ResponseBuilder {
    let field = |kind, about: &str| {
        let schema = ObjectBuilder::new().schema_type(kind);
        HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build()
    };
    let answer = answer.header("x-request-id", field(Type::String, "Request id, for the operator"));
    match status {
        "401" | "403" => {
            answer.header("WWW-Authenticate", field(Type::String, "The scheme, `Bearer`"))
        }
        "405" => answer.header("Allow", field(Type::String, "Allowed methods")),
        "409" | "503" => {
            answer.header("Retry-After", field(Type::Integer, "Seconds to wait before a retry"))
        }
        "429" => answer
            .header(
                "Retry-After",
                field(Type::Integer, "Seconds to wait before a retry, at most 3600"),
            )
            .header(
                "RateLimit-Policy",
                field(Type::String, "The quota: its name, `q` bytes in `w` seconds"),
            )
            .header("RateLimit", field(Type::String, "`r=0` bytes left, reset in `t` seconds")),
        _ => answer,
    }
}

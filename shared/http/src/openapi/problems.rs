//! Error responses of operations.

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use crate::{Access, ErrorFormat, Route};
use api::ProblemBody;

type Rows = &'static [(&'static str, &'static str)];

/// Of operations with a key.
const ANY: Rows = &[
    ("401", "No valid key"),
    ("403", "The key lacks the required scope, or its account is deactivated"),
    ("404", "Not found, or not visible to this key"),
    ("405", "Method not allowed"),
    ("500", "Internal error"),
    ("503", "Temporarily unavailable; retry after `Retry-After`"),
];
const DOCUMENT: Rows = &[("400", "A query parameter, header, id or cursor is invalid")];
const TEXT: Rows = &[("400", "The request is invalid; one violation per line")];
/// Of operations with a body.
const BODY: Rows = &[("413", "The body exceeds 256 KiB"), ("415", "The content type is not JSON")];
/// As plain text, this is a 400.
const INVALID_BODY: Rows = &[("422", "The body is invalid; `errors` lists every violation")];
/// Of operations with an `Idempotency-Key`.
const IDEMPOTENCY: Rows =
    &[("409", "The first request with this `Idempotency-Key` is in progress; see `Retry-After`")];
/// Of operations that a used-up quota blocks.
const QUOTA: Rows = &[("429", "A quota of the account is exceeded; retry after `Retry-After`")];

/// Adds the responses that follow from the route and its parameters. The handler's own description
/// of a status has priority.
pub fn add(route: &Route, operation: &mut Map<String, Value>) {
    if route.access == Access::Public {
        return;
    }
    let is_text = route.error_format == ErrorFormat::PlainText;
    let has_body = operation.contains_key("requestBody");
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let has_key =
        parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "Idempotency-Key"));
    let rows = [
        (ANY, true),
        (DOCUMENT, !is_text),
        (TEXT, is_text),
        (BODY, has_body),
        (INVALID_BODY, has_body && !is_text),
        (IDEMPOTENCY, has_key),
        (QUOTA, route.enforces_quota),
    ];
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    let wanted = rows.iter().filter(|(_, applies)| *applies).flat_map(|(rows, _)| *rows);
    for (status, about) in wanted {
        let described = responses.entry(*status).or_insert_with(|| response(about, is_text));
        if described.get("headers").is_none() {
            described["headers"] = headers(status);
        }
    }
}

fn response(about: &str, is_text: bool) -> Value {
    let (media_type, schema) = if is_text {
        ("text/plain", json!({"type": "string"}))
    } else {
        ("application/problem+json", json!(ProblemBody::schema()))
    };
    json!({"description": about, "content": {media_type: {"schema": schema}}})
}

/// Header fields of a response with this status. A test compares them with those that
/// [`Problem`](api::Problem) sends.
fn headers(status: &str) -> Value {
    let field = |kind: &str, about: &str| json!({"schema": {"type": kind}, "description": about});
    let mut fields = Map::new();
    let mut add = |name: &str, kind: &str, about: &str| {
        fields.insert(name.to_owned(), field(kind, about));
    };
    add("x-request-id", "string", "Request id, for the operator");
    match status {
        "401" | "403" => add("WWW-Authenticate", "string", "The scheme, `Bearer`"),
        "405" => add("Allow", "string", "Allowed methods"),
        "409" | "503" => add("Retry-After", "integer", "Seconds to wait before a retry"),
        "429" => {
            add("Retry-After", "integer", "Seconds to wait before a retry, at most 3600");
            let policy = "The quota: its name, `q` bytes in `w` seconds";
            add("RateLimit-Policy", "string", policy);
            add("RateLimit", "string", "`r=0` bytes left, reset in `t` seconds");
        }
        _ => {}
    }
    Value::Object(fields)
}

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
pub struct RepeatProblem;

/// Additional errors of operations that a used-up quota blocks.
#[derive(Debug)]
pub struct SpendingProblem;

/// [`SpendingProblem`] as plain text.
#[derive(Debug)]
pub struct SpendingTextProblem;

/// [`AnyProblem`] as plain text.
#[derive(Debug)]
pub struct TextProblem;

impl IntoResponses for AnyProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "A query parameter, header, id or cursor is invalid"),
            ("401", "No valid key"),
            ("403", "The key's scopes don't allow this, or its account is deactivated"),
            ("404", "There is no such thing, or none that this key may see"),
            ("405", "The address takes other methods"),
            ("500", "A fault of Tollgate's own"),
            ("503", "Something that Tollgate needs doesn't answer; repeat after `Retry-After`"),
        ])
    }
}

impl IntoResponses for BodyProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("413", "The body is over 256 KiB"),
            ("415", "The body is not declared to be JSON"),
            ("422", "The body breaks the contract; `errors` lists every violation"),
        ])
    }
}

impl IntoResponses for RepeatProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(
            "409",
            "The first request with this `Idempotency-Key` is still under way; repeat after `Retry-After`",
        )])
    }
}

const SPENDING: (&str, &str) =
    ("429", "A quota of the account is used up and enforced; try again after `Retry-After`");

impl IntoResponses for SpendingProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[SPENDING])
    }
}

impl IntoResponses for SpendingTextProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        texts(&[SPENDING])
    }
}

impl IntoResponses for TextProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        texts(&[
            ("400", "The request is malformed or breaks the contract; each line names one mistake"),
            ("401", "No valid key"),
            ("403", "The key's scopes don't allow this, or its account is deactivated"),
            ("404", "There is no such thing, or none that this key may see"),
            ("405", "The address takes other methods"),
            ("500", "A fault of Tollgate's own"),
            ("503", "Something that Tollgate needs doesn't answer; repeat after `Retry-After`"),
        ])
    }
}

fn texts(rows: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let reason = Schema::from(ObjectBuilder::new().schema_type(Type::String));
    let content = ContentBuilder::new().schema(Some(reason)).build();
    let text = |status, about: &str| {
        let answer =
            ResponseBuilder::new().description(about).content("text/plain", content.clone());
        with_fields(answer, status).build()
    };
    rows.iter().map(|(status, about)| ((*status).to_owned(), text(status, about).into())).collect()
}

fn problems(rows: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let problem = |status: &str, about: &str| {
        let content = ContentBuilder::new().schema(Some(ProblemBody::schema())).build();
        let answer =
            ResponseBuilder::new().description(about).content("application/problem+json", content);
        with_fields(answer, status).build()
    };
    rows.iter()
        .map(|(status, about)| ((*status).to_owned(), problem(status, about).into()))
        .collect()
}

/// Header fields of a response with this status. A test compares them with those that
/// [`Problem`](super::Problem) sends.
fn with_fields(answer: ResponseBuilder, status: &str) -> ResponseBuilder {
    let field = |kind, about: &str| {
        let schema = ObjectBuilder::new().schema_type(kind);
        HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build()
    };
    let answer = answer
        .header("x-request-id", field(Type::String, "Under which the operator finds the request"));
    match status {
        "401" | "403" => {
            answer.header("WWW-Authenticate", field(Type::String, "The scheme, `Bearer`"))
        }
        "405" => answer.header("Allow", field(Type::String, "The methods that the address takes")),
        "409" | "503" => {
            answer.header("Retry-After", field(Type::Integer, "After how many seconds to repeat"))
        }
        "429" => answer
            .header(
                "Retry-After",
                field(Type::Integer, "After how many seconds to try again, an hour at most"),
            )
            .header(
                "RateLimit-Policy",
                field(Type::String, "The quota: its name, `q` bytes in `w` seconds"),
            )
            .header("RateLimit", field(Type::String, "That `r=0` bytes are left, for `t` seconds")),
        _ => answer,
    }
}

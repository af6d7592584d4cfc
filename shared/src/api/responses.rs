use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, PartialSchema,
    openapi::{ContentBuilder, RefOr, Response, ResponseBuilder},
};

use super::ProblemBody;

/// What any call may be refused with, as `OpenAPI` tells it.
#[derive(Debug)]
pub struct AnyProblem;

/// What a call with a body may be refused with beside that.
#[derive(Debug)]
pub struct BodyProblem;

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

fn problems(rows: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let problem = |description: &str| {
        let content = ContentBuilder::new().schema(Some(ProblemBody::schema())).build();
        ResponseBuilder::new().description(description).content("application/problem+json", content).build()
    };
    rows.iter().map(|(status, description)| ((*status).to_owned(), problem(description).into())).collect()
}

use std::{collections::BTreeMap, fmt::Write as _, sync::LazyLock};

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{Failure, unambiguous::Unambiguous};
use crate::{
    api::{BatchRequest, JobRequest, MAX_BODY_BYTES, Problem},
    job::Payload,
    kind::KindSpec,
    schedule::ScheduleSpec,
    schema::{Schema, Violation},
};

/// A body with a contract: the schema that `OpenAPI` shows is the one that is checked, so that the two can't differ.
pub trait Contract: DeserializeOwned {
    /// The compiled schema.
    fn schema() -> &'static Schema;
}

macro_rules! contracts {
    ($($body:ty),*) => { $(
        impl Contract for $body {
            fn schema() -> &'static Schema {
                static SCHEMA: LazyLock<Schema> = LazyLock::new(compile::<$body>);
                &SCHEMA
            }
        }
    )* };
}

contracts!(BatchRequest, JobRequest, KindSpec, ScheduleSpec);

/// The schema of a body and those that it refers to, in one document as `OpenAPI` has them.
#[expect(clippy::expect_used, reason = "they are part of the program, and a test compiles each")]
fn compile<T: ToSchema>() -> Schema {
    let mut parts = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut parts);
    let parts: BTreeMap<_, _> = parts.into_iter().collect();
    let document = json!({
        "$ref": format!("#/components/schemas/{}", T::name()),
        "components": {"schemas": parts},
    });
    Schema::compile(&document).expect("the schema compiles")
}

/// A body that went through size, content type, JSON and contract, in this order.
#[derive(Debug)]
pub struct JsonBody<T> {
    /// What it says.
    pub value: T,
    /// The same as JSON.
    pub json: Value,
}

impl<S: Sync, T: Contract> FromRequest<S> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let (bytes, json) = read_json(request).await?;
        let violations = T::schema().violations(&json, "");
        if !violations.is_empty() {
            return Err(Problem::InvalidBody(violations).into());
        }
        // What the schema can't see: to JSON Schema 1.0 is an integer.
        let fraction = || Violation::new("", "holds a whole number that is written with a fraction");
        let value = serde_json::from_slice(&bytes).map_err(|_| Problem::InvalidBody(vec![fraction()]))?;
        Ok(Self { value, json })
    }
}

/// A body that is the payload of a job: it went through size, content type and JSON; its contract is its kind's.
#[derive(Debug)]
pub struct PayloadBody {
    /// The payload, byte for byte.
    pub payload: Payload,
    /// The same as JSON.
    pub json: Value,
}

impl<S: Sync> FromRequest<S> for PayloadBody {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let (bytes, json) = read_json(request).await?;
        let payload = serde_json::from_slice(&bytes).map_err(|error| malformed(&error))?;
        Ok(Self { payload, json })
    }
}

async fn read_json(request: Request) -> Result<(Bytes, Value), Failure> {
    let declared_json = declares_json(request.headers());
    let bytes = read(request).await?;
    if !declared_json {
        return Err(Problem::UnsupportedMediaType.into());
    }
    let Unambiguous(json) = serde_json::from_slice(&bytes).map_err(|error| malformed(&error))?;
    Ok((bytes, json))
}

async fn read(request: Request) -> Result<Bytes, Failure> {
    match Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::PayloadTooLarge.into()),
        Err(_) => Err(Problem::MalformedJson { detail: "The body broke off.".into() }.into()),
    }
}

/// `application/json` or `application/*+json`, with or without parameters.
fn declares_json(headers: &HeaderMap) -> bool {
    let declared =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json"
        || media_type.strip_prefix("application/").is_some_and(|sub| sub.len() > 5 && sub.ends_with("+json"))
}

fn malformed(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let why = text.split(" at line ").next().unwrap_or_default();
    Problem::MalformedJson { detail: format!("Line {}, column {}: {why}.", error.line(), error.column()) }
}

/// What tells two requests apart: the route and the body's value. The order of members doesn't matter, since a client that makes its
/// body anew for a repeat may change it.
#[must_use]
pub fn fingerprint(route: &str, json: &Value) -> String {
    let mut sum = Sha256::new_with_prefix(route);
    digest(json, &mut sum);
    sum.finalize().iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn digest(json: &Value, sum: &mut Sha256) {
    match json {
        Value::Array(values) => {
            sum.update([b'[']);
            values.iter().for_each(|value| digest(value, sum));
            sum.update([b']']);
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            sum.update([b'{']);
            for (name, value) in members {
                digest(&Value::String(name.clone()), sum);
                digest(value, sum);
            }
            sum.update([b'}']);
        }
        // Texts in quotes and the rest without: no two different values read alike.
        plain => {
            sum.update(plain.to_string());
            sum.update([b',']);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn contracts_compile() {
        JobRequest::schema();
        KindSpec::schema();
        ScheduleSpec::schema();
    }

    #[test]
    fn content_types() {
        let declared = |text: &str| {
            let headers = [(header::CONTENT_TYPE, text.parse().unwrap())].into_iter().collect();
            declares_json(&headers)
        };
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.x+json",
            "application/cloudevents-batch+json ;a=b",
        ] {
            assert!(declared(json), "{json}");
        }
        for other in ["", "text/json", "application/+json", "application/jsonx", "application/xml", "json"] {
            assert!(!declared(other), "{other}");
        }
        assert!(!declares_json(&HeaderMap::new()));
    }

    #[test]
    fn fingerprints_know_values_not_their_order() {
        let of = |text: &str| fingerprint("POST /v1/jobs", &serde_json::from_str(text).unwrap());
        assert_eq!(of(r#"{"a":1,"b":[2,"x"]}"#), of(r#" {"b":[2,"x"],"a":1}"#));
        let different = [
            r#"{"a":"1"}"#,
            r#"{"a":1}"#,
            r#"["a",1]"#,
            r#"["a","1"]"#,
            r#"[["a"],1]"#,
            r#"{"a":[1]}"#,
            r#"["a1"]"#,
        ];
        for (n, one) in different.iter().enumerate() {
            for other in &different[n + 1..] {
                assert_ne!(of(one), of(other));
            }
        }
        assert_ne!(fingerprint("a", &json!(1)), fingerprint("b", &json!(1)));
    }

    proptest! {
        #[test]
        fn a_malformed_body_is_told_where(text in "[\\[{\"a:,]{1,20}") {
            if let Err(error) = serde_json::from_str::<Value>(&text) {
                let Problem::MalformedJson { detail } = malformed(&error) else { panic!() };
                prop_assert!(detail.starts_with("Line 1, column "), "{}", detail);
            }
        }
    }
}

use std::{collections::BTreeMap, sync::LazyLock};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment};
use utoipa::ToSchema;

use api::{BatchRequest, EventRequest, JobRequest, UsageEvent};
use model::{
    account::{AccountChange, NewAccount, NewKey},
    kind::KindSpec,
    quota::QuotaSpec,
    schedule::ScheduleSpec,
    usage::SourceSpec,
    violation::{Violation, escape},
};
use schema::Schema;

/// A body that is validated against the same schema that the `OpenAPI` document shows, so that the
/// two can't differ.
pub trait Contract: DeserializeOwned {
    fn schema() -> &'static Schema;

    /// Validates and deserializes the body, given as text and as parsed JSON.
    ///
    /// # Errors
    /// All violations, their pointers prefixed with `prefix`.
    fn read(text: &str, json: &Value, prefix: &str) -> Result<Self, Vec<Violation>> {
        let violations = Self::schema().violations(json, prefix);
        if !violations.is_empty() {
            return Err(violations);
        }
        serde_json::from_str(text)
            .map_err(|_| vec![deserialization_violation::<Self>(text, json, prefix)])
    }
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

contracts!(
    AccountChange,
    BatchRequest,
    EventRequest,
    JobRequest,
    KindSpec,
    NewAccount,
    NewKey,
    QuotaSpec,
    ScheduleSpec,
    SourceSpec,
    UsageEvent
);

/// Compiles the schema of a body together with the schemas that it refers to.
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

/// The violation that deserialization finds and the schema can't express. In JSON Schema, 1.0 is an
/// integer, and a `date-time` may exceed the range of [`Time`](model::time::Time).
fn deserialization_violation<T: DeserializeOwned>(
    text: &str,
    json: &Value,
    prefix: &str,
) -> Violation {
    let read =
        serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_str(text));
    let Err(error) = read else { return Violation::new(prefix, "is invalid") };
    let at = pointer(error.path());
    let why = match json.pointer(&at) {
        Some(Value::Number(number)) if number.is_f64() => {
            "must be an integer without fraction or exponent".to_owned()
        }
        _ => {
            let why = error.inner().to_string();
            why.split(" at line ").next().unwrap_or_default().to_owned()
        }
    };
    Violation::new(format!("{prefix}{at}"), why)
}

fn pointer(path: &Path) -> String {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", escape(key)),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_compile() {
        AccountChange::schema();
        EventRequest::schema();
        JobRequest::schema();
        KindSpec::schema();
        NewAccount::schema();
        NewKey::schema();
        ScheduleSpec::schema();
        SourceSpec::schema();
        UsageEvent::schema();
    }

    #[test]
    fn deserialization_errors_have_a_pointer() {
        let told = |members: &str| {
            let text = format!(r#"{{"kind":"echo","payload":{{"priority":1.5}},{members}}}"#);
            let found = JobRequest::read(&text, &serde_json::from_str(&text).unwrap(), "/jobs/3")
                .unwrap_err();
            found
                .into_iter()
                .map(|found| format!("{} {}", found.pointer, found.detail))
                .collect::<Vec<_>>()
        };
        insta::assert_snapshot!(
            told(r#""priority":1.0"#).join("\n"),
            @"/jobs/3/priority must be an integer without fraction or exponent"
        );
        insta::assert_snapshot!(
            told(r#""delay_seconds":1e1"#).join("\n"),
            @"/jobs/3/delay_seconds must be an integer without fraction or exponent"
        );
        assert_eq!(
            told(r#""run_at":"9999-12-31T23:59:59-23:00""#).join("\n"),
            "/jobs/3/run_at must be an RFC 3339 time such as 2026-11-20T16:00:00Z, \
             and before 9999-12-30T22:00:01Z"
        );
    }
}

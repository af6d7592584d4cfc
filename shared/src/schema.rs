//! JSON Schema 2020-12: compiling one, and listing everything in a value that breaks it.
//!
//! Schemas come from outside. Remote references are refused (the validator is built without a retriever), patterns run on a
//! linear-time engine (a look-around or a back-reference is refused when the schema is compiled), and compiling is bounded.

use jsonschema::{Draft, PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::{self, RefOr, schema::AdditionalProperties};

/// The most violations that one answer lists.
pub const MAX_VIOLATIONS: usize = 100;
/// The longest schema, in bytes of JSON: it is one item of the table, and compiled at the first job after a cold start.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// The most characters of a violation's pointer and of its text: a name in a body can be as long as the body.
const MAX_CHARS: usize = 300;
/// How many parts of a schema may apply to one value, one by way of another.
const MAX_STEPS: usize = 2000;
/// The most memory that one compiled pattern may take, in bytes.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;

/// One thing in a body that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Violation {
    /// Where: a JSON Pointer (RFC 6901) into the body.
    #[schema(examples("/payload/id"))]
    pub pointer: String,
    /// Which rule, in words.
    #[schema(examples("value is not of type \"integer\""))]
    pub detail: String,
}

impl Violation {
    /// A violation at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: bounded(&pointer.into()), detail: detail.into() }
    }
}

/// A compiled schema; compiling takes about a millisecond, checking about a microsecond, so keep it.
#[derive(Debug)]
pub struct Schema(Validator);

impl Schema {
    /// Compiles a schema of dialect 2020-12. The error says where in the schema, relative to it, and what is wrong.
    ///
    /// # Errors
    /// When the value isn't a valid schema, refers to a remote one, is too large, or holds a pattern without a bound.
    pub fn compile(schema: &Value) -> Result<Self, Violation> {
        if schema.to_string().len() > MAX_SCHEMA_BYTES {
            return Err(Violation::new("", format!("the schema is over {MAX_SCHEMA_BYTES} bytes")));
        }
        if !comes_to_an_end(schema) {
            let detail = format!("the schema applies more than {MAX_STEPS} parts to one value");
            return Err(Violation::new("", detail));
        }
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(
                PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES),
            )
            .build(schema)
            .map(Self)
            .map_err(|error| refusal(&error))
    }

    /// Everything in `value` that breaks the schema, at most [`MAX_VIOLATIONS`], with `prefix` before each pointer.
    #[must_use]
    pub fn violations(&self, value: &Value, prefix: &str) -> Vec<Violation> {
        let mut found: Vec<_> = self
            .0
            .iter_errors(value)
            .flat_map(|error| describe(&error, prefix))
            .take(MAX_VIOLATIONS)
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// Keywords whose schemas apply to the very value that theirs does.
const IN_PLACE: &[&str] = &["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];

/// Whether no part of a schema applies too many others to one value. Parts that refer to others twice double at every step, so that a
/// short schema could take for ever.
fn comes_to_an_end(schema: &Value) -> bool {
    let mut parts = vec![schema];
    while let Some(part) = parts.pop() {
        if part.is_object() && steps(schema, part, &mut Vec::new(), MAX_STEPS).is_none() {
            return false;
        }
        match part {
            Value::Object(members) => parts.extend(members.values()),
            Value::Array(values) => parts.extend(values),
            _ => {}
        }
    }
    true
}

/// How many of `left` steps are left after a part was applied, with those that it leads to in place; none if they don't suffice. A circle is
/// gone through once, as the validator does.
fn steps<'a>(root: &'a Value, part: &'a Value, within: &mut Vec<&'a Value>, left: usize) -> Option<usize> {
    let mut left = left.checked_sub(1)?;
    let Value::Object(members) = part else { return Some(left) };
    if within.iter().any(|earlier| std::ptr::eq(*earlier, part)) {
        return Some(left);
    }
    within.push(part);
    for (keyword, value) in members {
        let next: Vec<_> = match (keyword.as_str(), value) {
            ("$ref" | "$dynamicRef", Value::String(reference)) => {
                referred(root, reference).into_iter().collect()
            }
            (keyword, Value::Array(parts)) if IN_PLACE.contains(&keyword) => parts.iter().collect(),
            ("dependentSchemas", Value::Object(parts)) => parts.values().collect(),
            (keyword, part) if IN_PLACE.contains(&keyword) => vec![part],
            _ => Vec::new(),
        };
        for part in next {
            left = steps(root, part, within, left)?;
        }
    }
    within.pop();
    Some(left)
}

/// What a reference within a schema leads to, by its pointer or its anchor.
fn referred<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let (_, fragment) = reference.split_once('#')?;
    let pointer = percent_decode_str(fragment).decode_utf8().ok()?;
    root.pointer(&pointer).or_else(|| anchored(root, &pointer))
}

fn anchored<'a>(part: &'a Value, name: &str) -> Option<&'a Value> {
    match part {
        Value::Object(members) => {
            let is_it = ["$anchor", "$dynamicAnchor"].iter().any(|anchor| part[*anchor] == name);
            if is_it { Some(part) } else { members.values().find_map(|part| anchored(part, name)) }
        }
        Value::Array(parts) => parts.iter().find_map(|part| anchored(part, name)),
        _ => None,
    }
}

fn refusal(error: &ValidationError<'_>) -> Violation {
    let detail = match error.kind() {
        ValidationErrorKind::Referencing(_) => {
            "a reference in the schema can't be resolved; only references within it are allowed".to_owned()
        }
        _ => bounded(&error.to_string()),
    };
    Violation::new(error.instance_path().as_str(), detail)
}

/// Values are masked: they can be large, and they are the client's own. Missing and unknown properties are shown where they belong.
fn describe(error: &ValidationError<'_>, prefix: &str) -> Vec<Violation> {
    let at = format!("{prefix}{}", error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Violation::new(format!("{at}/{}", escape(name)), "is required")]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| {
                Violation::new(format!("{at}/{}", escape(name)), "is not a property that is known here")
            })
            .collect(),
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            of_branches(context, &at, prefix)
                .unwrap_or_else(|| vec![Violation::new(at, bounded(&error.masked().to_string()))])
        }
        _ => vec![Violation::new(at, bounded(&error.masked().to_string()))],
    }
}

/// What helps most of a choice at `at` of which no branch fits: what is wrong with the branch whose `type` the value bears, or which
/// types there are, or what is wrong with all of them alike.
fn of_branches(branches: &[Vec<ValidationError<'_>>], at: &str, prefix: &str) -> Option<Vec<Violation>> {
    let tag = format!("{at}/type");
    let told: Vec<Vec<_>> = branches
        .iter()
        .map(|errors| errors.iter().flat_map(|error| describe(error, prefix)).collect())
        .collect();
    let mut meant =
        told.iter().filter(|violations| violations.iter().all(|violation| violation.pointer != tag));
    if let (Some(branch), None) = (meant.next(), meant.next()) {
        return Some(branch.clone());
    }
    let shared: Vec<_> =
        told.first()?.iter().filter(|v| told.iter().all(|other| other.contains(v))).cloned().collect();
    if !shared.is_empty() {
        return Some(shared);
    }
    let tags: Vec<_> =
        branches.iter().flatten().filter_map(|error| tag_wanted(error, &tag, prefix)).collect();
    let known = (tags.len() == branches.len()).then(|| tags.join(", "))?;
    Some(vec![Violation::new(tag, format!("is not one of {known}"))])
}

/// The tag that a branch asks for, where the value bears another.
fn tag_wanted(error: &ValidationError<'_>, tag: &str, prefix: &str) -> Option<String> {
    match error.kind() {
        ValidationErrorKind::Enum { options }
            if format!("{prefix}{}", error.instance_path().as_str()) == tag =>
        {
            Some(options.as_array()?.iter().map(Value::to_string).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }
}

/// A property's name as one step of a JSON Pointer (RFC 6901, section 3).
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The derived schema of variants that a property `type` tells apart, each closed against properties that it doesn't know: the derivation
/// leaves them open.
pub(crate) fn closed(mut schema: RefOr<openapi::Schema>) -> RefOr<openapi::Schema> {
    if let RefOr::T(openapi::Schema::OneOf(variants)) = &mut schema {
        for variant in &mut variants.items {
            if let RefOr::T(openapi::Schema::Object(object)) = variant {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
    schema
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn found(schema: Value, value: Value) -> Vec<(String, String)> {
        let violations = Schema::compile(&schema).unwrap().violations(&value, "/payload");
        violations.into_iter().map(|v| (v.pointer, v.detail)).collect()
    }

    #[test]
    fn every_violation_is_listed_where_it_is() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["id", "a/b"],
            "properties": {"id": {"type": "integer", "minimum": 1}, "mail": {"type": "string", "format": "email"}, "a/b": {}},
        });
        insta::assert_json_snapshot!(found(schema, json!({"id": "x", "mail": "nobody", "more": 1})), @r#"
        [
          [
            "/payload/a~1b",
            "is required"
          ],
          [
            "/payload/id",
            "value is not of type \"integer\""
          ],
          [
            "/payload/mail",
            "value is not a \"email\""
          ],
          [
            "/payload/more",
            "is not a property that is known here"
          ]
        ]
        "#);
    }

    #[test]
    fn of_tagged_variants_the_one_that_was_meant_speaks() {
        let variant = |tag: &str, extra: &str| {
            json!({
                "type": "object", "required": ["type", extra], "properties": {"type": {"type": "string", "enum": [tag]}, extra: {"type": "string"}},
            })
        };
        let schema = json!({"properties": {"target": {"oneOf": [variant("http", "url"), variant("records", "table")]}}});
        insta::assert_json_snapshot!(found(schema.clone(), json!({"target": {"type": "http", "url": 7}})), @r#"
        [
          [
            "/payload/target/url",
            "value is not of type \"string\""
          ]
        ]
        "#);
        insta::assert_json_snapshot!(found(schema, json!({"target": {"type": "ftp"}})), @r#"
        [
          [
            "/payload/target/type",
            "is not one of \"http\", \"records\""
          ]
        ]
        "#);
    }

    #[test]
    fn values_are_not_repeated() {
        let long = "secret ".repeat(1000);
        let details = found(json!({"type": "integer"}), json!(long));
        assert!(details.iter().all(|(_, detail)| !detail.contains("secret")), "{details:?}");
    }

    #[test]
    fn hostile_schemas_are_refused() {
        for (schema, why) in [
            (json!({"$ref": "https://example.com/x.json"}), "a reference"),
            (json!({"$ref": "file:///etc/passwd"}), "a reference"),
            (json!({"pattern": "(a+)+\\1$"}), "pattern"),
            (json!({"pattern": "(?=a)b"}), "pattern"),
            (json!({"pattern": "(((a{99}){99}){99}){99}"}), "pattern"),
            (json!({"type": "no-such-type"}), "type"),
            (json!({"description": "x".repeat(MAX_SCHEMA_BYTES)}), "bytes"),
            (json!(7), ""),
        ] {
            let violation =
                Schema::compile(&schema).expect_err(&schema.to_string()[..20.min(schema.to_string().len())]);
            assert!(violation.detail.contains(why) || violation.pointer.contains(why), "{violation:?}");
        }
    }

    #[test]
    fn a_greedy_pattern_is_checked_in_linear_time() {
        let schema = Schema::compile(&json!({"pattern": "^(a+)+$"})).unwrap();
        assert_eq!(schema.violations(&json!(format!("{}b", "a".repeat(100_000))), "").len(), 1);
    }

    #[test]
    fn what_refers_to_itself_comes_to_an_end() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}}),
            json!({"$dynamicRef": "#a", "$dynamicAnchor": "a"}),
        ] {
            if let Ok(compiled) = Schema::compile(&schema) {
                assert!(compiled.violations(&json!({"a": [1]}), "").len() <= MAX_VIOLATIONS);
            }
        }
    }

    #[test]
    fn what_doubles_at_every_step_is_refused() {
        let mut parts = serde_json::Map::from_iter([("a0".to_owned(), json!({"type": "string"}))]);
        for n in 1..=40 {
            let below = json!({"$ref": format!("#/$defs/a{}", n - 1)});
            parts.insert(format!("a{n}"), json!({"allOf": [below, below]}));
        }
        let doubling = |parts: serde_json::Map<String, Value>, n: u8| {
            Schema::compile(&json!({"properties": {"p": {"$ref": format!("#/$defs/a{n}")}}, "$defs": parts}))
        };
        let refused = doubling(parts.clone(), 40).unwrap_err();
        assert_eq!(refused.detail, "the schema applies more than 2000 parts to one value");
        parts.retain(|name, _| name.len() == 2 && name != "a9");
        assert_eq!(doubling(parts, 8).unwrap().violations(&json!({"p": 1}), "").len(), 1);
        // A tree goes on in the value, which is finite.
        let tree = json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "of": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}});
        assert!(Schema::compile(&tree).is_ok());
    }

    /// Any schema of a few keywords, most of them with what they take.
    fn any_schema() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!({})),
            any::<bool>().prop_map(Value::from),
            Just(json!({"type": "integer", "minimum": 3, "multipleOf": 0.1})),
            Just(json!({"$ref": "#"})),
            Just(json!({"$ref": "#/$defs/a"})),
            Just(json!({"$ref": "b.json"})),
            Just(json!({"format": "regex", "type": ["string", "null"]})),
            "[a-z()+*.\\\\\\[\\]{}0-9^$|?]{0,12}".prop_map(|pattern| json!({"pattern": pattern})),
            any::<i64>().prop_map(|n| json!({"minLength": n, "maxItems": n})),
            Just(json!({"$id": "urn:x", "$anchor": "a"})),
            Just(json!({"enum": [1, "x", null, {"a": 1}], "const": 1})),
        ];
        let name = prop::sample::select(vec!["properties", "$defs", "patternProperties", "dependentSchemas"]);
        let one = prop::sample::select(vec![
            "items",
            "not",
            "additionalProperties",
            "contains",
            "if",
            "then",
            "propertyNames",
            "unevaluatedProperties",
            "unevaluatedItems",
        ]);
        let many = prop::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]);
        leaf.prop_recursive(5, 32, 4, move |inner| {
            prop_oneof![
                (name.clone(), prop::collection::btree_map("[ab]{1,2}", inner.clone(), 0..3))
                    .prop_map(|(name, parts)| json!({name: parts})),
                (one.clone(), inner.clone(), inner.clone())
                    .prop_map(|(name, of, beside)| merged(json!({name: of}), beside)),
                (many.clone(), prop::collection::vec(inner, 0..4)).prop_map(|(name, of)| json!({name: of})),
            ]
        })
    }

    fn merged(mut schema: Value, other: Value) -> Value {
        if let (Value::Object(members), Value::Object(others)) = (&mut schema, other) {
            members.extend(others);
        }
        schema
    }

    proptest! {
        #[test]
        fn no_schema_upsets_it(schema in any_schema(), text in "\\PC{0,8}", number: f64) {
            if let Ok(compiled) = Schema::compile(&schema) {
                for value in [json!(text), json!(number), json!([[text], number]), json!({"a": {"b": text, "a": null}, "b": [1, 1]})] {
                    prop_assert!(compiled.violations(&value, "").len() <= MAX_VIOLATIONS);
                }
            }
        }

        #[test]
        fn pointers_lead_back_to_the_property(name in ".{0,12}") {
            let schema = Schema::compile(&json!({"additionalProperties": {"type": "null"}})).unwrap();
            let value = json!({name: 1});
            let pointer = schema.violations(&value, "")[0].pointer.clone();
            prop_assert_eq!(value.pointer(&pointer), Some(&json!(1)));
        }
    }
}

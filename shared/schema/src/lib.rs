//! JSON Schema 2020-12: compiles schemas and lists all violations of a value.
//!
//! Schemas are untrusted input. Remote references are rejected (the validator has no retriever).
//! Patterns run on a linear-time engine, so that look-around and backreferences are rejected at
//! compile time. The cost of compilation is bounded.

mod cost;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use model::violation::{MAX_VIOLATIONS, Violation, escape, truncated};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use cost::{Purpose, VERDICT_STEPS};

/// Maximum size of a schema, in bytes of JSON: it is stored in one item, and compiled for the first
/// job after a cold start.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// Maximum number of subschemas that may apply to one value in place, through each other.
const MAX_STEPS: usize = 2000;
/// Maximum size of a compiled pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;

/// A compiled schema. Compilation takes about a millisecond, validation about a microsecond: cache
/// it.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    /// The source, to bound the cost of validation.
    source: Value,
}

impl Schema {
    /// Compiles a schema of dialect 2020-12. The error's pointer is relative to the schema.
    ///
    /// # Errors
    /// If the value is not a valid schema, has a remote reference, is too large, or has an
    /// unbounded pattern.
    pub fn compile(schema: &Value) -> Result<Self, Violation> {
        if schema.to_string().len() > MAX_SCHEMA_BYTES {
            return Err(Violation::new(
                "",
                format!("the schema must be at most {MAX_SCHEMA_BYTES} bytes"),
            ));
        }
        if !has_only_root_references(schema) {
            let detail = "unresolvable reference in the schema: only references within it \
                          are allowed, starting with #, and only the root may have an $id";
            return Err(Violation::new("", detail));
        }
        if !has_bounded_steps(schema) {
            let detail = format!("schema applies more than {MAX_STEPS} subschemas to one value");
            return Err(Violation::new("", detail));
        }
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(MAX_PATTERN_BYTES)
                    .dfa_size_limit(MAX_PATTERN_BYTES),
            )
            .build(schema)
            .map(|validator| Self { validator, source: schema.clone() })
            .map_err(|error| compile_violation(&error))
    }

    /// All violations of `value`, at most [`MAX_VIOLATIONS`], with `prefix` before each pointer.
    ///
    /// The cost is bounded. A value that needs too many steps to validate is rejected with a single
    /// violation. A value that needs too many steps to describe gets one violation instead of a
    /// list.
    #[must_use]
    pub fn violations(&self, value: &Value, prefix: &str) -> Vec<Violation> {
        if !cost::fits(&self.source, value, Purpose::Verdict) {
            let detail =
                format!("takes more than {VERDICT_STEPS} steps to validate against the schema");
            return vec![Violation::new(prefix, detail)];
        }
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        if !cost::fits(&self.source, value, Purpose::Description) {
            let detail = "does not match the schema; too many parts apply to list the violations";
            return vec![Violation::new(prefix, detail)];
        }
        let mut found: Vec<_> = self
            .validator
            .iter_errors(value)
            .flat_map(|error| describe(&error, prefix))
            .take(MAX_VIOLATIONS)
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// Whether every reference starts with `#`, and is relative to the root schema. Only then does
/// [`resolve`] find the subschemas that the validator finds.
fn has_only_root_references(schema: &Value) -> bool {
    let mut parts = vec![schema];
    while let Some(part) = parts.pop() {
        match part {
            Value::Object(members) => {
                for (keyword, of) in members {
                    match (keyword.as_str(), of) {
                        ("$ref" | "$dynamicRef", Value::String(to)) if !to.starts_with('#') => {
                            return false;
                        }
                        ("$id", Value::String(_)) if !std::ptr::eq(part, schema) => return false,
                        // Contain values, not schemas.
                        ("const" | "enum" | "default" | "examples", _) => {}
                        _ => parts.push(of),
                    }
                }
            }
            Value::Array(values) => parts.extend(values),
            _ => {}
        }
    }
    true
}

/// Keywords whose subschemas apply to the same value.
const IN_PLACE: &[&str] =
    &["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];

/// Whether every part applies a bounded number of others to one value. Chains of parts that each
/// refer to the next one twice grow exponentially, so that a short schema could take forever.
fn has_bounded_steps(schema: &Value) -> bool {
    let mut parts = vec![schema];
    while let Some(part) = parts.pop() {
        if part.is_object() && remaining_steps(schema, part, &mut Vec::new(), MAX_STEPS).is_none() {
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

/// The remaining steps after a part and all parts it applies in place; `None` if the budget is
/// exceeded. A cycle is followed once, as in the validator.
fn remaining_steps<'a>(
    root: &'a Value,
    part: &'a Value,
    within: &mut Vec<&'a Value>,
    left: usize,
) -> Option<usize> {
    let mut left = left.checked_sub(1)?;
    let Value::Object(members) = part else { return Some(left) };
    if within.iter().any(|earlier| std::ptr::eq(*earlier, part)) {
        return Some(left);
    }
    within.push(part);
    for (keyword, value) in members {
        let next: Vec<_> = match (keyword.as_str(), value) {
            ("$ref" | "$dynamicRef", Value::String(reference)) => {
                resolve(root, reference).into_iter().collect()
            }
            (keyword, Value::Array(parts)) if IN_PLACE.contains(&keyword) => parts.iter().collect(),
            ("dependentSchemas", Value::Object(parts)) => parts.values().collect(),
            (keyword, part) if IN_PLACE.contains(&keyword) => vec![part],
            _ => Vec::new(),
        };
        for part in next {
            left = remaining_steps(root, part, within, left)?;
        }
    }
    within.pop();
    Some(left)
}

/// Resolves a reference within a schema by its pointer or anchor.
fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let (_, fragment) = reference.split_once('#')?;
    let pointer = percent_decode_str(fragment).decode_utf8().ok()?;
    root.pointer(&pointer).or_else(|| find_anchor(root, &pointer))
}

fn find_anchor<'a>(part: &'a Value, name: &str) -> Option<&'a Value> {
    match part {
        Value::Object(members) => {
            let is_it = ["$anchor", "$dynamicAnchor"].iter().any(|anchor| part[*anchor] == name);
            if is_it {
                Some(part)
            } else {
                members.values().find_map(|part| find_anchor(part, name))
            }
        }
        Value::Array(parts) => parts.iter().find_map(|part| find_anchor(part, name)),
        _ => None,
    }
}

fn compile_violation(error: &ValidationError<'_>) -> Violation {
    let detail = match error.kind() {
        ValidationErrorKind::Referencing(_) => {
            "unresolvable reference in the schema: only references within it are allowed".to_owned()
        }
        _ => truncated(&error.to_string()),
    };
    Violation::new(error.instance_path().as_str(), detail)
}

/// Values are masked because they can be large and belong to the client. Missing and unknown
/// properties are reported at their own pointer.
fn describe(error: &ValidationError<'_>, prefix: &str) -> Vec<Violation> {
    let at = format!("{prefix}{}", error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Violation::new(format!("{at}/{}", escape(name)), "is required")]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| Violation::new(format!("{at}/{}", escape(name)), "unknown property"))
            .collect(),
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            branch_violations(context, &at, prefix)
                .unwrap_or_else(|| vec![Violation::new(at, truncated(&error.masked().to_string()))])
        }
        _ => vec![Violation::new(at, truncated(&error.masked().to_string()))],
    }
}

/// The most helpful violations of a choice at `at` whose branches all fail: those of the branch
/// with the value's `type`, else those common to all branches, else the list of known types.
fn branch_violations(
    branches: &[Vec<ValidationError<'_>>],
    at: &str,
    prefix: &str,
) -> Option<Vec<Violation>> {
    let tag = format!("{at}/type");
    let told: Vec<Vec<_>> = branches
        .iter()
        .map(|errors| errors.iter().flat_map(|error| describe(error, prefix)).collect())
        .collect();
    let mut meant = told
        .iter()
        .filter(|violations| violations.iter().all(|violation| violation.pointer != tag));
    if let (Some(branch), None) = (meant.next(), meant.next()) {
        return Some(branch.clone());
    }
    let shared: Vec<_> = told
        .first()?
        .iter()
        .filter(|v| told.iter().all(|other| other.contains(v)))
        .cloned()
        .collect();
    if !shared.is_empty() {
        return Some(shared);
    }
    let tags: Vec<_> =
        branches.iter().flatten().filter_map(|error| expected_tag(error, &tag, prefix)).collect();
    let known = (tags.len() == branches.len()).then(|| tags.join(", "))?;
    Some(vec![Violation::new(tag, format!("is not one of {known}"))])
}

/// The tag that a branch requires, if the value has another.
fn expected_tag(error: &ValidationError<'_>, tag: &str, prefix: &str) -> Option<String> {
    match error.kind() {
        ValidationErrorKind::Enum { options }
            if format!("{prefix}{}", error.instance_path().as_str()) == tag =>
        {
            Some(options.as_array()?.iter().map(Value::to_string).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }
}

#[cfg(test)]
mod adversarial;
#[cfg(test)]
mod tests;

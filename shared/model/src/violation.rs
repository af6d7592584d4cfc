//! Violations of a request body's rules, and the JSON Pointers that locate them.

use serde::{Deserialize, Serialize};
use utoipa::openapi::{self, RefOr, schema::AdditionalProperties};

/// Maximum number of violations in one response.
pub const MAX_VIOLATIONS: usize = 100;
/// Maximum length of a violation's pointer and detail, in characters: a property name in a body can
/// be as long as the body.
const MAX_CHARS: usize = 300;

/// A rule broken by a request body.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) into the body.
    #[schema(examples("/payload/id"))]
    pub pointer: String,
    /// The rule, in words.
    #[schema(examples("value is not of type \"integer\""))]
    pub detail: String,
}

impl Violation {
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: truncated(&pointer.into()), detail: detail.into() }
    }
}

/// Escapes a property name for a JSON Pointer (RFC 6901, section 3).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Sets `additionalProperties: false` in each variant of a derived schema tagged by `type`; the
/// derive macro leaves them open.
pub fn with_closed_variants(mut schema: RefOr<openapi::Schema>) -> RefOr<openapi::Schema> {
    if let RefOr::T(openapi::Schema::OneOf(variants)) = &mut schema {
        for variant in &mut variants.items {
            if let RefOr::T(openapi::Schema::Object(object)) = variant {
                object.additional_properties =
                    Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
    schema
}

pub fn truncated(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

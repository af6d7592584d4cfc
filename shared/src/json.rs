//! JSON read one level at a time, since `serde_json::Value` holds a number as a float and forgets the digits of a decimal.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A value that isn't opened yet.
#[derive(Debug)]
pub(crate) enum Json<'a> {
    Null,
    Boolean(bool),
    /// As it was written.
    Number(&'a str),
    Text(String),
    Array(Vec<&'a RawValue>),
    Object(BTreeMap<String, &'a RawValue>),
}

impl<'a> Json<'a> {
    /// Opens one level. What serde can't open, a text with half a surrogate pair, is shown as an empty one; no payload that came through the
    /// gate holds any.
    pub fn open(raw: &'a RawValue) -> Self {
        let text = raw.get().trim();
        match text.as_bytes().first() {
            Some(b'{') => Self::Object(serde_json::from_str(text).unwrap_or_default()),
            Some(b'[') => Self::Array(serde_json::from_str(text).unwrap_or_default()),
            Some(b'"') => Self::Text(serde_json::from_str(text).unwrap_or_default()),
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number(text),
        }
    }
}

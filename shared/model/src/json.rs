//! Parses JSON one level at a time: `serde_json::Value` stores a number as a float and loses digits
//! of a decimal.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A JSON value whose members are not parsed yet.
#[derive(Debug)]
pub enum Json<'a> {
    Null,
    Boolean(bool),
    /// The source text.
    Number(&'a str),
    Text(String),
    Array(Vec<&'a RawValue>),
    Object(BTreeMap<String, &'a RawValue>),
}

impl<'a> Json<'a> {
    /// Parses one level. Text that serde cannot decode (an unpaired surrogate) becomes an empty
    /// string; the HTTP layer rejects payloads that contain any.
    pub fn parse(raw: &'a RawValue) -> Self {
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

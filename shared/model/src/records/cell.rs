use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A value of a row in canonical JSON: two cells are equal if and only if their texts are.
///
/// `INTEGER` and `FLOAT` are numbers; a `FLOAT` always has a point or an exponent. `BOOLEAN` is
/// `true` or `false`. All other types are strings. That includes `DECIMAL`, because most JSON
/// parsers would lose digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cell(String);

#[derive(Debug, thiserror::Error)]
#[error("stored cell is not JSON")]
pub struct InvalidCell;

impl Cell {
    pub(super) const NULL: &'static str = "null";

    /// From canonical JSON.
    pub(super) const fn from_canonical(json: String) -> Self {
        Self(json)
    }

    /// A value of any type that is represented as a string.
    pub(super) fn text(text: &str) -> Self {
        Self(serde_json::Value::from(text).to_string())
    }

    /// The canonical JSON text.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.0
    }

    /// The canonical JSON as a raw value.
    ///
    /// # Errors
    /// If the stored text is not JSON.
    pub fn raw(&self) -> Result<Box<RawValue>, InvalidCell> {
        RawValue::from_string(self.0.clone()).map_err(|_| InvalidCell)
    }

    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0 == Self::NULL
    }

    /// The value as a row's key: a string's content, or the text of a number or boolean.
    #[must_use]
    pub fn key(&self) -> String {
        serde_json::from_str::<String>(&self.0).unwrap_or_else(|_| self.0.clone())
    }
}

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One value of a row as JSON, written the one way that its type has, so that two cells are equal if and only if their texts are.
///
/// An `INTEGER` and a `FLOAT` are numbers, the latter never without a point or an exponent; a `BOOLEAN` is `true` or `false`; all others are
/// strings, a `DECIMAL` too, whose digits most readers of JSON would lose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cell(String);

/// A text that is not JSON.
#[derive(Debug, thiserror::Error)]
#[error("a cell that is not JSON")]
pub struct NotACell;

impl Cell {
    pub(super) const NULL: &'static str = "null";

    /// From JSON that is written as its type has it.
    pub(super) const fn of(json: String) -> Self {
        Self(json)
    }

    /// A text, of any type that is shown as one.
    pub(super) fn text(text: &str) -> Self {
        Self(serde_json::Value::from(text).to_string())
    }

    /// Its JSON.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.0
    }

    /// Its JSON, to be shown.
    ///
    /// # Errors
    /// When it was made of something else.
    pub fn raw(&self) -> Result<Box<RawValue>, NotACell> {
        RawValue::from_string(self.0.clone()).map_err(|_| NotACell)
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0 == Self::NULL
    }

    /// As the key of a row: what a string says, or a number or a boolean as it is written.
    #[must_use]
    pub fn key(&self) -> String {
        serde_json::from_str::<String>(&self.0).unwrap_or_else(|_| self.0.clone())
    }
}

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a source calls a service or a route: up to 128 bytes of any text without control characters, also none.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(try_from = "String")]
#[schema(value_type = String, max_length = 128, examples("shop"))]
pub struct Label(String);

/// A text that is not a [`Label`].
#[derive(Debug, thiserror::Error)]
#[error("is not a text of at most 128 bytes without control characters")]
pub struct NotALabel;

impl Label {
    /// How long one is at most, in bytes: two of them, each byte escaped as three, have to fit into a key of the table.
    pub const MAX_BYTES: usize = 128;

    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = NotALabel;

    fn from_str(text: &str) -> Result<Self, NotALabel> {
        let fits = text.len() <= Self::MAX_BYTES && !text.contains(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(NotALabel) }
    }
}

impl TryFrom<String> for Label {
    type Error = NotALabel;

    fn try_from(text: String) -> Result<Self, NotALabel> {
        text.parse()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

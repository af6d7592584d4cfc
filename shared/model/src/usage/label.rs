use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// Name of a service or route at a source: up to 128 bytes without control characters, may be
/// empty.
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

#[derive(Debug, thiserror::Error)]
#[error("must be at most 128 bytes without control characters")]
pub struct InvalidLabel;

text_type!(Label, InvalidLabel);

impl Label {
    /// Maximum length in bytes. Two labels have to fit into a key of the table, with each byte
    /// escaped as three.
    pub const MAX_BYTES: usize = 128;
}

impl FromStr for Label {
    type Err = InvalidLabel;

    fn from_str(text: &str) -> Result<Self, InvalidLabel> {
        let fits = text.len() <= Self::MAX_BYTES && !text.contains(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidLabel) }
    }
}

//! Names of resources that operators define: kinds, schedules, sources and quotas.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// A name: `[a-z0-9][a-z0-9._-]{0,63}`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$", examples("user.delete"))]
pub struct Name(String);

/// Prefix reserved for Tollgate's own names.
const RESERVED_PREFIX: &str = "tollgate.";

#[derive(Debug, thiserror::Error)]
#[error("must be 1 to 64 of a–z, 0–9, '.', '_' and '-', starting with a letter or digit")]
pub struct InvalidName;

text_type!(Name, InvalidName);

impl Name {
    /// The reserved name `tollgate.<part>`.
    #[must_use]
    pub fn reserved(part: &'static str) -> Self {
        Self(format!("{RESERVED_PREFIX}{part}"))
    }

    /// Whether the name is reserved for Tollgate.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with(RESERVED_PREFIX)
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let begins_well = text.bytes().next().is_some_and(letter);
        let goes_on_well = text.bytes().all(|c| letter(c) || matches!(c, b'.' | b'_' | b'-'));
        if begins_well && goes_on_well && text.len() <= 64 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn follows_its_pattern(text in "[a-z0-9][a-z0-9._-]{0,63}") {
            let name: Name = text.parse().unwrap();
            prop_assert_eq!(name.as_str(), text);
        }
    }

    #[test]
    fn rejects_other_texts() {
        for text in ["", ".a", "-a", "A", "a#b", "a/b", "ä", "a b", &"a".repeat(65)] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
    }
}

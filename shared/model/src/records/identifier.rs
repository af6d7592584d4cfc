use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// Maximum length in bytes: that of `PostgreSQL`, so that all names valid there are valid here.
const MAX_BYTES: usize = 63;

/// The name of a table or column: `[A-Za-z_][A-Za-z0-9_]{0,62}`. Case-sensitive.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[A-Za-z_][A-Za-z0-9_]{0,62}$", examples("users"))]
pub struct Identifier(String);

#[derive(Debug, thiserror::Error)]
#[error("must be 1 to 63 of A–Z, a–z, 0–9 and '_', starting with a letter or '_'")]
pub struct InvalidIdentifier;

text_type!(Identifier, InvalidIdentifier);

impl FromStr for Identifier {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        let letter = |c: u8| c.is_ascii_alphabetic() || c == b'_';
        let begins_well = text.bytes().next().is_some_and(letter);
        let goes_on_well = text.bytes().all(|c| letter(c) || c.is_ascii_digit());
        if begins_well && goes_on_well && text.len() <= MAX_BYTES {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIdentifier)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn follows_its_pattern(text in "[A-Za-z_][A-Za-z0-9_]{0,62}") {
            let name: Identifier = text.parse().unwrap();
            prop_assert_eq!(name.as_str(), text);
        }
    }

    #[test]
    fn rejects_other_texts() {
        for text in ["", "1a", "a b", "a-b", "a#b", "a.b", "ä", "a\"b", "a;--", &"a".repeat(64)] {
            assert!(text.parse::<Identifier>().is_err(), "{text:?}");
        }
    }
}

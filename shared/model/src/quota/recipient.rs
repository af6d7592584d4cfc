use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// Recipient of a quota's mails: an e-mail address in the form that mail programs and SES accept.
///
/// Only the plain form of RFC 5321: no quotes, comments, address literals or non-ASCII characters.
/// It can therefore not be read as another header field or recipient.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = Email, max_length = 254, examples("ops@example.com"))]
pub struct Recipient(String);

#[derive(Debug, thiserror::Error)]
#[error("must be an e-mail address such as ops@example.com")]
pub struct InvalidRecipient;

text_type!(Recipient, InvalidRecipient);

/// RFC 5321's `Dot-string`, up to 64 bytes.
fn is_mailbox(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    text.len() <= 64 && text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(letter))
}

/// At least two labels, because mail to a bare host is not routed. The last label is not a number,
/// to exclude IP addresses.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.contains('.') && text.split('.').all(is_label) && !last.chars().all(|c| c.is_ascii_digit())
}

impl FromStr for Recipient {
    type Err = InvalidRecipient;

    fn from_str(text: &str) -> Result<Self, InvalidRecipient> {
        match text.rsplit_once('@') {
            Some((mailbox, domain))
                if text.len() <= 254 && is_mailbox(mailbox) && is_domain(domain) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidRecipient),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_common_addresses() {
        for good in [
            "a@b.co",
            "first.last+quota@mail.example.com",
            "o'neil@example.com",
            "x@xn--bcher-kva.example",
        ] {
            assert_eq!(good.parse::<Recipient>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn rejects_malformed_addresses() {
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "",
            "a",
            "@b.co",
            "a@",
            "a@b",
            "a@@b.co",
            "a b@c.co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.co",
            "a@b..co",
            "a@-b.co",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "\"a\"@b.co",
            "A <a@b.co>",
            "a@b.co,c@d.co",
            "a@b.co\r\nBcc: c@d.co",
            "a@b.co\n",
            "ü@b.co",
            "a@bü.co",
            &long,
        ] {
            assert!(bad.parse::<Recipient>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_gets_in_that_a_header_field_could_be_made_of(text in ".{0,40}(@.{0,40})?") {
            if let Ok(recipient) = text.parse::<Recipient>() {
                prop_assert!(
                    recipient
                        .as_str()
                        .chars()
                        .all(|c| c.is_ascii_graphic() && !"<>()[],;:\\\"".contains(c))
                );
            }
        }
    }
}

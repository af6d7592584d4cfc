use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use model::event::{ReadCursor, ReadFrom};

/// Opaque cursor: the key after which the next page of a list starts.
///
/// It is bound to its list, that is route, account and filters. It contains a digest of these and
/// of the key, so that a damaged cursor or one of another list is detected. The digest is unkeyed
/// because there is nothing to protect: the account comes from the caller's credentials, never from
/// the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Key of the last item shown.
    pub after: String,
}

/// A text that isn't a cursor of this list.
#[derive(Debug, thiserror::Error)]
#[error("is not a cursor of this list; pass `next_cursor` unchanged, with the same filters")]
pub struct InvalidCursor;

const DIGEST_BYTES: usize = 8;
/// Fits the longest key of a series, 820 bytes, with its digest in base64.
const MAX_BYTES: usize = 1200;
/// Fits a cursor of events over 50 accounts with the maximum number of writer streams.
const MAX_POSITION_BYTES: usize = 5500;
/// List to which cursors of events are bound.
const EVENTS: &str = "events";

impl Cursor {
    /// Encodes the cursor for the list described by `list`.
    #[must_use]
    pub fn encode(&self, list: &str) -> String {
        encode_with_digest(self.after.as_bytes(), list)
    }

    /// Decodes a cursor of the list described by `list`.
    ///
    /// # Errors
    /// When it is damaged or belongs to another list.
    pub fn decode(text: &str, list: &str) -> Result<Self, InvalidCursor> {
        if text.len() > MAX_BYTES {
            return Err(InvalidCursor);
        }
        let after =
            String::from_utf8(decode_with_digest(text, list)?).map_err(|_| InvalidCursor)?;
        Ok(Self { after })
    }
}

/// Encodes a cursor of events for `next_cursor`. It isn't bound to accounts: an account added later
/// is read from the same point in time.
#[must_use]
pub fn encode_position(position: &ReadCursor) -> String {
    encode_with_digest(&position.to_bytes(), EVENTS)
}

/// Parses `after`: `now`, a cursor of events, or nothing for the oldest event.
///
/// # Errors
/// When it is neither `now` nor a cursor of events, or is damaged.
pub fn decode_start(after: Option<&str>) -> Result<ReadFrom, InvalidCursor> {
    match after {
        None => Ok(ReadFrom::Oldest),
        Some("now") => Ok(ReadFrom::Now),
        Some(cursor) => decode_position(cursor).map(ReadFrom::After),
    }
}

fn decode_position(text: &str) -> Result<ReadCursor, InvalidCursor> {
    if text.len() > MAX_POSITION_BYTES {
        return Err(InvalidCursor);
    }
    ReadCursor::from_bytes(&decode_with_digest(text, EVENTS)?).map_err(|_| InvalidCursor)
}

fn encode_with_digest(bytes: &[u8], list: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([&digest(bytes, list), bytes].concat())
}

fn decode_with_digest(text: &str, list: &str) -> Result<Vec<u8>, InvalidCursor> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
    let (check, after) = bytes.split_first_chunk::<DIGEST_BYTES>().ok_or(InvalidCursor)?;
    if *check == digest(after, list) { Ok(after.to_vec()) } else { Err(InvalidCursor) }
}

fn digest(after: &[u8], list: &str) -> [u8; DIGEST_BYTES] {
    let sum = Sha256::new_with_prefix(after).chain_update([0]).chain_update(list).finalize();
    let mut short = [0; DIGEST_BYTES];
    short.copy_from_slice(&sum[..DIGEST_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn event_cursors_round_trip_and_fit_no_other_list() {
        let position = ReadCursor::oldest(model::time::Time::from_millis(1_763_654_400_000));
        let text = encode_position(&position);
        assert_eq!(decode_position(&text).unwrap(), position);
        assert!(Cursor::decode(&text, "jobs").is_err());
        assert!(decode_position(&Cursor { after: "x".into() }.encode("jobs")).is_err());
    }

    proptest! {
        #[test]
        fn survives_its_own_text_and_nothing_else(
            after in "[a-z0-9_]{1,40}",
            at in 0usize..12,
            to in "[A-Za-z0-9_-]"
        ) {
            let cursor = Cursor { after };
            let text = cursor.encode("jobs of a");
            prop_assert_eq!(&Cursor::decode(&text, "jobs of a").unwrap(), &cursor);
            prop_assert!(Cursor::decode(&text, "jobs of b").is_err());
            let mut damaged = text.clone();
            damaged.replace_range(at..=at, &to);
            prop_assert!(damaged == text || Cursor::decode(&damaged, "jobs of a").is_err());
        }

        #[test]
        fn no_text_upsets_it(text: String) {
            prop_assert!(Cursor::decode(&text, "").is_err());
            prop_assert!(decode_position(&text).is_err());
        }
    }
}

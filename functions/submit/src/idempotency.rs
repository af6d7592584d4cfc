use api::Problem;
use http::{HeaderMap, HeaderName};
use serde_json::value::RawValue;
use store::IdempotencyKey;
use tollgate_http::{IDEMPOTENCY_KEY, fingerprint};

const NAME: &str = "Idempotency-Key";

/// Identifies replays of a request.
#[derive(Debug)]
pub struct IdempotencyToken {
    pub key: IdempotencyKey,
    pub fingerprint: String,
}

impl IdempotencyToken {
    /// Reads the `Idempotency-Key` of a request. `route` keeps the requests of different routes
    /// apart.
    pub fn from_request(
        headers: &HeaderMap,
        route: &str,
        body: &RawValue,
    ) -> Result<Option<Self>, Problem> {
        let key = idempotency_key(headers)?;
        Ok(key.map(|key| Self { key, fingerprint: fingerprint(route, body) }))
    }
}

/// The response header of a replay.
pub fn replayed_header(replayed: bool) -> Option<[(HeaderName, &'static str); 1]> {
    replayed.then_some([(HeaderName::from_static("idempotency-replayed"), "true")])
}

/// The `Idempotency-Key` header: 1 to 255 visible ASCII characters. Quoted
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>) and bare forms
/// are the same key.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let invalid =
        |detail: &str| Problem::InvalidParameter { name: NAME, detail: detail.to_owned() };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid("must be given once"));
    }
    let text = value.to_str().unwrap_or_default().trim();
    let unquoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let is_valid =
        (1..=255).contains(&unquoted.len()) && unquoted.bytes().all(|c| c.is_ascii_graphic());
    if is_valid {
        Ok(Some(IdempotencyKey::of(unquoted)))
    } else {
        Err(invalid("must be 1 to 255 visible ASCII characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(values: &[&str]) -> Result<Option<IdempotencyKey>, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, value.parse().unwrap());
        }
        idempotency_key(&headers)
    }

    #[test]
    fn quoted_and_bare_are_the_same_key() {
        assert_eq!(key_of(&[]).unwrap(), None);
        assert_eq!(key_of(&["a-1"]).unwrap(), key_of(&["\"a-1\""]).unwrap());
        assert_ne!(key_of(&["a-1"]).unwrap(), key_of(&["a-2"]).unwrap());
        assert!(key_of(&[&"k".repeat(255)]).is_ok());
    }

    #[test]
    fn rejects_invalid_keys() {
        for invalid in [&[""][..], &["\"\""], &["a b"], &[&"k".repeat(256)], &["a", "a"]] {
            assert!(key_of(invalid).is_err(), "{invalid:?}");
        }
    }
}

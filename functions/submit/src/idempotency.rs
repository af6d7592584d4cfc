use api::Problem;
use http::HeaderMap;
use model::{id::AccountId, time::Time};
use store::IdempotencyKey;
use tollgate_http::{ApiError, IDEMPOTENCY_KEY, MaybeReplay};

use crate::{App, job::IdempotencyToken};

const NAME: &str = "Idempotency-Key";

/// The `Idempotency-Key` header: 1 to 255 visible ASCII characters. Quoted
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>) and bare forms
/// are the same key.
pub fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let invalid =
        |detail: &str| Problem::InvalidParameter { name: NAME, detail: detail.to_owned() };
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(invalid("must be given once"));
    }
    let text = value.to_str().unwrap_or_default().trim();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let fits = (1..=255).contains(&bare.len()) && bare.bytes().all(|c| c.is_ascii_graphic());
    if fits {
        Ok(Some(IdempotencyKey::of(bare)))
    } else {
        Err(invalid("must be 1 to 255 visible ASCII characters"))
    }
}

impl App {
    /// Refuses new requests of an account whose quota is used up. Repeats of accepted requests
    /// pass; finding out costs one read, for refused requests only.
    pub(crate) async fn refuse_new(
        &self,
        caller: &MaybeReplay,
        account: AccountId,
        repeat: Option<&IdempotencyToken>,
        now: Time,
    ) -> Result<(), ApiError> {
        let Err(problem) = caller.check_quota() else { return Ok(()) };
        let known = match repeat {
            Some(IdempotencyToken { key, fingerprint }) => {
                self.idempotency.contains(account, key, fingerprint, now).await?
            }
            None => false,
        };
        if known { Ok(()) } else { Err(problem.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Result<Option<IdempotencyKey>, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, value.parse().unwrap());
        }
        key(&headers)
    }

    #[test]
    fn quoted_and_bare_are_the_same_key() {
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&["a-1"]).unwrap(), of(&["\"a-1\""]).unwrap());
        assert_ne!(of(&["a-1"]).unwrap(), of(&["a-2"]).unwrap());
        assert!(of(&[&"k".repeat(255)]).is_ok());
    }

    #[test]
    fn rejects_invalid_keys() {
        for bad in [&[""][..], &["\"\""], &["a b"], &[&"k".repeat(256)], &["a", "a"]] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }
}

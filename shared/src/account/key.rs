use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use type_safe_id::StaticType;

use super::Scopes;
use crate::{
    id::{AccountId, AccountPrefix, KeyId, KeyPrefix},
    time::Time,
};

/// A key as its holder has it: `tg_<account>_<key>_<secret>`.
///
/// It names its account and itself, so that one read finds both; the secret is 256 random bits in hexadecimal. Neither `Debug` nor
/// anything else shows the secret but [`ApiKey::reveal`].
#[derive(Clone)]
pub struct ApiKey {
    /// Whose it is.
    pub account: AccountId,
    /// Which one.
    pub id: KeyId,
    secret: String,
}

/// A text that is no key. It doesn't say what is wrong with it: that is nobody's business who holds no key.
#[derive(Debug, thiserror::Error)]
#[error("is not an API key")]
pub struct NotAKey;

const SECRET_CHARS: usize = 64;

impl ApiKey {
    /// A new key from 32 random bytes.
    #[must_use]
    pub fn mint(account: AccountId, id: KeyId, random: [u8; 32]) -> Self {
        let secret = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { account, id, secret }
    }

    /// The whole key, to be shown once to its holder.
    #[must_use]
    pub fn reveal(&self) -> String {
        let suffix = |id: String| id.rsplit('_').next().unwrap_or_default().to_owned();
        format!(
            "tg_{}_{}_{}",
            suffix(self.account.to_string()),
            suffix(self.id.to_string()),
            self.secret
        )
    }

    /// What is stored instead of the secret. A plain hash is right for 256 random bits: there is nothing to guess.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }
}

impl FromStr for ApiKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut parts = text.strip_prefix("tg_").ok_or(NotAKey)?.split('_');
        let (Some(account), Some(key), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAKey);
        };
        let hexadecimal = secret.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        if secret.len() != SECRET_CHARS || !hexadecimal {
            return Err(NotAKey);
        }
        Ok(Self {
            account: format!("{}_{account}", AccountPrefix::TYPE).parse().map_err(|_| NotAKey)?,
            id: format!("{}_{key}", KeyPrefix::TYPE).parse().map_err(|_| NotAKey)?,
            secret: secret.to_owned(),
        })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}, {}, …)", self.account, self.id)
    }
}

/// A key as Tollgate keeps it.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// Whose it is.
    pub account: AccountId,
    /// Which one.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the secret.
    pub digest: [u8; 32],
    /// What it may be used for.
    pub scopes: Scopes,
    /// From when on it opens nothing, if it ends by itself.
    pub valid_until: Option<Time>,
    /// From when on it opens nothing, because an operator said so.
    pub revoked_at: Option<Time>,
    /// When it was last used, to the hour, as far as that is recorded.
    pub last_used_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
}

impl KeyRecord {
    /// What is kept of a new key, which never ends by itself.
    #[must_use]
    pub fn of(key: &ApiKey, name: impl Into<String>, scopes: Scopes, now: Time) -> Self {
        Self {
            account: key.account,
            id: key.id,
            name: name.into(),
            digest: key.digest(),
            scopes,
            valid_until: None,
            revoked_at: None,
            last_used_at: None,
            created_at: now,
        }
    }

    /// From when on it opens nothing, if that is known.
    #[must_use]
    pub fn over_at(&self) -> Option<Time> {
        [self.valid_until, self.revoked_at].into_iter().flatten().min()
    }

    /// Whether it is still good at `now`.
    #[must_use]
    pub fn is_good(&self, now: Time) -> bool {
        self.over_at().is_none_or(|over| now < over)
    }

    /// Whether `key` is this one and still good at `now`. Takes the same time whatever the secret is.
    #[must_use]
    pub fn opens_for(&self, key: &ApiKey, now: Time) -> bool {
        let same: bool = self.digest.ct_eq(&key.digest()).into();
        same && self.account == key.account && self.id == key.id && self.is_good(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::mint;
    use proptest::prelude::*;

    fn key(random: [u8; 32]) -> ApiKey {
        ApiKey::mint(
            mint(Time::from_millis(1), [1; 10]),
            mint(Time::from_millis(2), [2; 10]),
            random,
        )
    }

    fn record(key: &ApiKey, valid_until: Option<Time>) -> KeyRecord {
        KeyRecord {
            valid_until,
            ..KeyRecord::of(key, "test", Scopes::default(), Time::from_millis(0))
        }
    }

    proptest! {
        #[test]
        fn survives_its_own_text(random: [u8; 32]) {
            let read: ApiKey = key(random).reveal().parse().unwrap();
            prop_assert!(record(&key(random), None).opens_for(&read, Time::from_millis(0)));
        }

        #[test]
        fn no_other_secret_opens(random: [u8; 32], other: [u8; 32]) {
            prop_assume!(random != other);
            prop_assert!(!record(&key(random), None).opens_for(&key(other), Time::from_millis(0)));
        }

        #[test]
        fn no_text_upsets_it(text in "tg_.{0,150}") {
            let _ = text.parse::<ApiKey>();
        }
    }

    #[test]
    fn ends_when_it_should() {
        let key = key([7; 32]);
        let record = record(&key, Some(Time::from_millis(10)));
        assert!(record.opens_for(&key, Time::from_millis(9)));
        assert!(!record.opens_for(&key, Time::from_millis(10)));
    }

    #[test]
    fn ends_when_it_is_revoked_if_that_is_sooner() {
        let (key, at) = (key([7; 32]), Time::from_millis);
        let ends = |until, revoked| {
            let record = KeyRecord { revoked_at: revoked, ..record(&key, until) };
            assert_eq!(
                record.over_at().is_none_or(|over| over > at(5)),
                record.opens_for(&key, at(5))
            );
            record.over_at()
        };
        assert_eq!(ends(None, None), None);
        assert_eq!(ends(Some(at(9)), Some(at(3))), Some(at(3)));
        assert_eq!(ends(Some(at(3)), Some(at(9))), Some(at(3)));
    }

    #[test]
    fn debug_keeps_the_secret() {
        let key = key([0xab; 32]);
        assert!(!format!("{key:?} {:?}", record(&key, None)).contains("abab"));
    }
}

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use type_safe_id::StaticType;

use super::Scopes;
use crate::{
    id::{AccountId, AccountPrefix, KeyId, KeyPrefix},
    time::Time,
};

/// An API key in plain text: `tg_<account>_<key>_<secret>`.
///
/// It contains the account's and the key's id, so that one read finds both. The secret is 256
/// random bits in hexadecimal. Only [`ApiKey::reveal`] shows it; `Debug` does not.
#[derive(Clone)]
pub struct ApiKey {
    pub account: AccountId,
    pub id: KeyId,
    secret: String,
}

/// Deliberately without a reason: it could help an attacker.
#[derive(Debug, thiserror::Error)]
#[error("invalid API key")]
pub struct InvalidKey;

const SECRET_CHARS: usize = 64;

impl ApiKey {
    /// A new key from 32 random bytes.
    #[must_use]
    pub fn generate(account: AccountId, id: KeyId, random: [u8; 32]) -> Self {
        let secret = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { account, id, secret }
    }

    /// The plain text, shown to its holder once.
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

    /// The stored hash of the secret. An unsalted hash suffices for 256 random bits: they cannot be
    /// guessed.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }
}

impl FromStr for ApiKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let mut parts = text.strip_prefix("tg_").ok_or(InvalidKey)?.split('_');
        let (Some(account), Some(key), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidKey);
        };
        let hexadecimal = secret.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        if secret.len() != SECRET_CHARS || !hexadecimal {
            return Err(InvalidKey);
        }
        Ok(Self {
            account: format!("{}_{account}", AccountPrefix::TYPE)
                .parse()
                .map_err(|_| InvalidKey)?,
            id: format!("{}_{key}", KeyPrefix::TYPE).parse().map_err(|_| InvalidKey)?,
            secret: secret.to_owned(),
        })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}, {}, …)", self.account, self.id)
    }
}

/// A stored key.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    pub account: AccountId,
    pub id: KeyId,
    /// Display name.
    pub name: String,
    /// SHA-256 of the secret.
    pub digest: [u8; 32],
    pub scopes: Scopes,
    /// Expiry set at creation. The key is rejected from this time on.
    pub valid_until: Option<Time>,
    /// Set by an operator. The key is rejected from this time on.
    pub revoked_at: Option<Time>,
    /// Time of the last use, truncated to the hour; recorded on a best-effort basis.
    pub last_used_at: Option<Time>,
    pub created_at: Time,
}

impl KeyRecord {
    /// The record of a new key without expiry.
    #[must_use]
    pub fn new(key: &ApiKey, name: impl Into<String>, scopes: Scopes, now: Time) -> Self {
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

    /// The earlier of expiry and revocation.
    #[must_use]
    pub fn ends_at(&self) -> Option<Time> {
        [self.valid_until, self.revoked_at].into_iter().flatten().min()
    }

    /// Whether the key is neither expired nor revoked at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Time) -> bool {
        self.ends_at().is_none_or(|over| now < over)
    }

    /// Whether `key` matches this record and is valid at `now`. Compares the secrets in constant
    /// time.
    #[must_use]
    pub fn accepts(&self, key: &ApiKey, now: Time) -> bool {
        let same: bool = self.digest.ct_eq(&key.digest()).into();
        same && self.account == key.account && self.id == key.id && self.is_valid(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::generate;
    use proptest::prelude::*;

    fn key(random: [u8; 32]) -> ApiKey {
        ApiKey::generate(
            generate(Time::from_millis(1), [1; 10]),
            generate(Time::from_millis(2), [2; 10]),
            random,
        )
    }

    fn record(key: &ApiKey, valid_until: Option<Time>) -> KeyRecord {
        KeyRecord {
            valid_until,
            ..KeyRecord::new(key, "test", Scopes::default(), Time::from_millis(0))
        }
    }

    proptest! {
        #[test]
        fn survives_its_own_text(random: [u8; 32]) {
            let read: ApiKey = key(random).reveal().parse().unwrap();
            prop_assert!(record(&key(random), None).accepts(&read, Time::from_millis(0)));
        }

        #[test]
        fn no_other_secret_opens(random: [u8; 32], other: [u8; 32]) {
            prop_assume!(random != other);
            prop_assert!(!record(&key(random), None).accepts(&key(other), Time::from_millis(0)));
        }

        #[test]
        fn no_text_upsets_it(text in "tg_.{0,150}") {
            let _ = text.parse::<ApiKey>();
        }
    }

    #[test]
    fn expired_key_is_rejected() {
        let key = key([7; 32]);
        let record = record(&key, Some(Time::from_millis(10)));
        assert!(record.accepts(&key, Time::from_millis(9)));
        assert!(!record.accepts(&key, Time::from_millis(10)));
    }

    #[test]
    fn key_ends_at_the_earlier_of_expiry_and_revocation() {
        let (key, at) = (key([7; 32]), Time::from_millis);
        let ends = |until, revoked| {
            let record = KeyRecord { revoked_at: revoked, ..record(&key, until) };
            assert_eq!(
                record.ends_at().is_none_or(|over| over > at(5)),
                record.accepts(&key, at(5))
            );
            record.ends_at()
        };
        assert_eq!(ends(None, None), None);
        assert_eq!(ends(Some(at(9)), Some(at(3))), Some(at(3)));
        assert_eq!(ends(Some(at(3)), Some(at(9))), Some(at(3)));
    }

    #[test]
    fn debug_does_not_reveal_the_secret() {
        let key = key([0xab; 32]);
        assert!(!format!("{key:?} {:?}", record(&key, None)).contains("abab"));
    }
}

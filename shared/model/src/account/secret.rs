use std::{fmt, time::Duration};

use crate::time::Time;

/// A Standard Webhooks secret: `whsec_` and base64. Its `Debug` output is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// From 32 random bytes. Standard Webhooks requires 24 to 64.
    #[must_use]
    pub fn generate(random: [u8; 32]) -> Self {
        use base64::{Engine, prelude::BASE64_STANDARD};
        Self(format!("whsec_{}", BASE64_STANDARD.encode(random)))
    }

    /// From the stored text.
    #[must_use]
    pub const fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The plain text: to sign, to store and to show to verifiers of signatures.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// A secret and its validity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedSecret {
    pub secret: WebhookSecret,
    pub created_at: Time,
    /// When it stops signing; set once a newer secret replaces it.
    pub expires_at: Option<Time>,
}

/// An account's secrets, newest first. All valid ones sign, so that a target can switch from the
/// old to the new one at any time in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSecrets(Vec<IssuedSecret>);

/// The account already has the maximum number of secrets. Dropping one early would break signatures
/// that a target still verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {} valid secrets already; the first expires at {until}", WebhookSecrets::MAX)]
pub struct TooManySecrets {
    /// When the first of them expires.
    pub until: Time,
}

impl WebhookSecrets {
    /// Maximum number of valid secrets: each adds a signature to every request.
    pub const MAX: usize = 3;
    /// How long an old secret continues to sign after its replacement.
    pub const OVERLAP: Duration = Duration::from_secs(24 * 3600);

    /// The first secret, from 32 random bytes.
    #[must_use]
    pub fn first(random: [u8; 32], now: Time) -> Self {
        Self(vec![IssuedSecret {
            secret: WebhookSecret::generate(random),
            created_at: now,
            expires_at: None,
        }])
    }

    /// From the stored secrets, newest first.
    #[must_use]
    pub const fn from_stored(secrets: Vec<IssuedSecret>) -> Self {
        Self(secrets)
    }

    /// All stored secrets, newest first, including expired ones.
    #[must_use]
    pub fn all(&self) -> &[IssuedSecret] {
        &self.0
    }

    /// The secrets that sign at `now`, newest first.
    pub fn valid(&self, now: Time) -> impl Iterator<Item = &IssuedSecret> {
        self.0.iter().filter(move |issued| issued.expires_at.is_none_or(|until| now < until))
    }

    /// Adds a secret from 32 random bytes. The others expire within [`WebhookSecrets::OVERLAP`];
    /// expired ones are dropped.
    ///
    /// # Errors
    /// If [`WebhookSecrets::MAX`] secrets are valid already.
    pub fn rotated(&self, random: [u8; 32], now: Time) -> Result<Self, TooManySecrets> {
        let last = now + Self::OVERLAP;
        let old: Vec<_> = self
            .valid(now)
            .map(|issued| {
                let expires_at = Some(issued.expires_at.map_or(last, |until| until.min(last)));
                IssuedSecret { expires_at, ..issued.clone() }
            })
            .collect();
        match old.iter().filter_map(|issued| issued.expires_at).min() {
            Some(until) if old.len() >= Self::MAX => Err(TooManySecrets { until }),
            _ => Ok(Self(Self::first(random, now).0.into_iter().chain(old).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn debug_does_not_reveal_the_secret() {
        let secrets = WebhookSecrets::first([7; 32], Time::from_millis(0));
        assert!(!format!("{secrets:?}").contains("whsec_"));
    }

    proptest! {
        /// For any sequence of rotations: the newest secret has no expiry, every other one signs
        /// for a day after its replacement, and their number is bounded.
        #[test]
        fn an_old_one_signs_for_a_day(pauses in prop::collection::vec(0u32..40, 1..12)) {
            let mut now = Time::from_seconds(0);
            let mut secrets = WebhookSecrets::first([0; 32], now);
            for (n, pause) in pauses.into_iter().enumerate() {
                now = now + HOUR * pause;
                let before = secrets.clone();
                match secrets.rotated([u8::try_from(n + 1).unwrap(); 32], now) {
                    Ok(next) => secrets = next,
                    Err(TooManySecrets { until }) => {
                        prop_assert_eq!(before.valid(now).count(), WebhookSecrets::MAX);
                        prop_assert!(until > now && before.rotated([99; 32], until).is_ok());
                        continue;
                    }
                }
                prop_assert_eq!(secrets.all()[0].created_at, now);
                prop_assert!(
                    secrets.all()[0].expires_at.is_none()
                        && secrets.all().len() <= WebhookSecrets::MAX
                );
                for pair in secrets.all().windows(2) {
                    prop_assert_eq!(
                        pair[1].expires_at,
                        Some(pair[0].created_at + WebhookSecrets::OVERLAP)
                    );
                }
                let current = &before.all()[0].secret;
                let day = now + WebhookSecrets::OVERLAP;
                prop_assert!(secrets.valid(day - HOUR).any(|issued| issued.secret == *current));
                prop_assert!(secrets.valid(day).all(|issued| issued.secret != *current));
            }
        }
    }
}

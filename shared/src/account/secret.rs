use std::{fmt, time::Duration};

use crate::time::Time;

/// A Standard Webhooks secret, `whsec_` and base64. It never shows in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// From 32 random bytes, the length that Standard Webhooks advises at least.
    #[must_use]
    pub fn mint(random: [u8; 32]) -> Self {
        use base64::{Engine, prelude::BASE64_STANDARD};
        Self(format!("whsec_{}", BASE64_STANDARD.encode(random)))
    }

    /// From the text that the table holds.
    #[must_use]
    pub const fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The secret itself: for signing, for storing and for whoever checks signatures.
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

/// A secret and for how long it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedSecret {
    /// The secret.
    pub secret: WebhookSecret,
    /// When it was made.
    pub created_at: Time,
    /// Until when it signs, if a newer one took its place.
    pub expires_at: Option<Time>,
}

/// The secrets of an account, newest first. All that are good sign, so that a target may know the old one or the new one while it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSecrets(Vec<IssuedSecret>);

/// An account has as many secrets as it may have. To drop one early would break signatures that a target still goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {} secrets already, the first of which ends at {until}", WebhookSecrets::MOST)]
pub struct TooManySecrets {
    /// When the first of them ends.
    pub until: Time,
}

impl WebhookSecrets {
    /// How many sign at once: each is a signature in every request.
    pub const MOST: usize = 3;
    /// For how long an old one signs beside its successor.
    pub const OVERLAP: Duration = Duration::from_secs(24 * 3600);

    /// The first one, from 32 random bytes.
    #[must_use]
    pub fn first(random: [u8; 32], now: Time) -> Self {
        Self(vec![IssuedSecret {
            secret: WebhookSecret::mint(random),
            created_at: now,
            expires_at: None,
        }])
    }

    /// From what the table holds, newest first.
    #[must_use]
    pub const fn from_table(secrets: Vec<IssuedSecret>) -> Self {
        Self(secrets)
    }

    /// All that are kept, newest first, those that are over too.
    #[must_use]
    pub fn all(&self) -> &[IssuedSecret] {
        &self.0
    }

    /// Those that sign at `now`, newest first.
    pub fn good(&self, now: Time) -> impl Iterator<Item = &IssuedSecret> {
        self.0.iter().filter(move |issued| issued.expires_at.is_none_or(|until| now < until))
    }

    /// With a new one, from 32 random bytes; the others sign for a day more at most, and those that are over are gone.
    ///
    /// # Errors
    /// When there are [`WebhookSecrets::MOST`] already.
    pub fn renewed(&self, random: [u8; 32], now: Time) -> Result<Self, TooManySecrets> {
        let last = now + Self::OVERLAP;
        let old: Vec<_> = self
            .good(now)
            .map(|issued| {
                let expires_at = Some(issued.expires_at.map_or(last, |until| until.min(last)));
                IssuedSecret { expires_at, ..issued.clone() }
            })
            .collect();
        match old.iter().filter_map(|issued| issued.expires_at).min() {
            Some(until) if old.len() >= Self::MOST => Err(TooManySecrets { until }),
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
    fn debug_keeps_the_secret() {
        let secrets = WebhookSecrets::first([7; 32], Time::from_millis(0));
        assert!(!format!("{secrets:?}").contains("whsec_"));
    }

    proptest! {
        /// Whenever it is renewed: the newest signs for ever, every other for a day after its successor came, and they are few.
        #[test]
        fn an_old_one_signs_for_a_day(pauses in prop::collection::vec(0u32..40, 1..12)) {
            let mut now = Time::from_seconds(0);
            let mut secrets = WebhookSecrets::first([0; 32], now);
            for (n, pause) in pauses.into_iter().enumerate() {
                now = now + HOUR * pause;
                let before = secrets.clone();
                match secrets.renewed([u8::try_from(n + 1).unwrap(); 32], now) {
                    Ok(next) => secrets = next,
                    Err(TooManySecrets { until }) => {
                        prop_assert_eq!(before.good(now).count(), WebhookSecrets::MOST);
                        prop_assert!(until > now && before.renewed([99; 32], until).is_ok());
                        continue;
                    }
                }
                prop_assert_eq!(secrets.all()[0].created_at, now);
                prop_assert!(secrets.all()[0].expires_at.is_none() && secrets.all().len() <= WebhookSecrets::MOST);
                for pair in secrets.all().windows(2) {
                    prop_assert_eq!(pair[1].expires_at, Some(pair[0].created_at + WebhookSecrets::OVERLAP));
                }
                let current = &before.all()[0].secret;
                let day = now + WebhookSecrets::OVERLAP;
                prop_assert!(secrets.good(day - HOUR).any(|issued| issued.secret == *current));
                prop_assert!(secrets.good(day).all(|issued| issued.secret != *current));
            }
        }
    }
}

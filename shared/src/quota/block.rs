use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Period;
use crate::{id::AccountId, name::Name, time::Time};

/// For how long a client is told to wait at most: the limit may be raised before the period ends.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The largest integer of a structured field: fifteen digits (RFC 9651, section 3.3.1).
const MOST_IN_A_FIELD: u64 = 999_999_999_999_999;

/// That an account's own keys can't hand in anything because a quota is used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Whose requests are turned away.
    pub account: AccountId,
    /// In which period; it blocks nothing after it, whether or not somebody lifts it.
    pub period: Period,
    /// How many bytes the period had.
    pub limit_bytes: u64,
}

/// What a client is told that is turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// The quota that is used up.
    pub quota: Name,
    /// How many bytes the period has.
    pub limit_bytes: u64,
    /// How long the period is, in seconds.
    pub window: u64,
    /// When the next one begins.
    pub until: Time,
    /// How long that is from now, in seconds.
    pub reset: u64,
}

impl Block {
    /// What to tell a client at `now`; nothing when the period is over.
    #[must_use]
    pub fn tell(&self, quota: &Name, now: Time) -> Option<Exhausted> {
        let Period { end: until, .. } = self.period;
        (now < until).then(|| Exhausted {
            quota: quota.clone(),
            limit_bytes: self.limit_bytes,
            window: self.period.length().as_secs(),
            until,
            reset: until.since(now).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX),
        })
    }
}

impl Exhausted {
    /// After how many seconds to try again.
    #[must_use]
    pub fn retry_after(&self) -> u64 {
        self.reset.min(LONGEST_WAIT.as_secs())
    }

    /// The fields `RateLimit-Policy` and `RateLimit`
    /// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>): the quota, of which nothing remains. A limit of a petabyte
    /// and more is given as the most that a field can say; the problem's text has all of it.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, String); 2] {
        // A name has no character that a String of RFC 9651 would have to escape.
        let Self { quota, limit_bytes, window, reset, .. } = self;
        let limit_bytes = limit_bytes.min(&MOST_IN_A_FIELD);
        [
            (
                "ratelimit-policy",
                format!("\"{quota}\";q={limit_bytes};qu=\"content-bytes\";w={window}"),
            ),
            ("ratelimit", format!("\"{quota}\";r=0;t={reset}")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::MAX_LIMIT_BYTES;

    #[test]
    fn no_field_has_more_digits_than_fields_may() {
        let told = |limit_bytes| {
            let (quota, until) = ("q".parse().unwrap(), Time::from_millis(60_000));
            Exhausted { quota, limit_bytes, window: 60, until, reset: 60 }.fields()[0].1.clone()
        };
        assert_eq!(told(MAX_LIMIT_BYTES), r#""q";q=999999999999999;qu="content-bytes";w=60"#);
        assert_eq!(told(7), r#""q";q=7;qu="content-bytes";w=60"#);
    }
}

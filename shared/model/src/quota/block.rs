use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Period;
use crate::{id::AccountId, name::Name, time::Time};

/// Upper bound of `Retry-After`: the limit may be raised before the period ends.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The largest integer of a structured field: fifteen digits (RFC 9651, section 3.3.1).
const MAX_FIELD_INTEGER: u64 = 999_999_999_999_999;

/// Rejects submissions with an account's own keys because a quota is exhausted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    pub account: AccountId,
    /// The block expires at the period's end, even if it is never removed.
    pub period: Period,
    /// The quota's limit in that period.
    pub limit_bytes: u64,
}

/// Details of a rejection by a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    pub quota: Name,
    pub limit_bytes: u64,
    /// Length of the period, in seconds.
    pub window: u64,
    /// End of the period.
    pub until: Time,
    /// Seconds from now until then, rounded up.
    pub reset: u64,
}

impl Block {
    /// The rejection's details at `now`; `None` once the period is over.
    #[must_use]
    pub fn exhausted_at(&self, quota: &Name, now: Time) -> Option<Exhausted> {
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
    /// In seconds.
    #[must_use]
    pub fn retry_after(&self) -> u64 {
        self.reset.min(MAX_RETRY_AFTER.as_secs())
    }

    /// The header fields `RateLimit-Policy` and `RateLimit`
    /// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>), with nothing
    /// remaining. Limits of a petabyte or more are clamped to the largest integer of a field; the
    /// problem's `detail` has the exact number.
    #[must_use]
    pub fn rate_limit_headers(&self) -> [(&'static str, String); 2] {
        // A name contains no character that must be escaped in a String of RFC 9651.
        let Self { quota, limit_bytes, window, reset, .. } = self;
        let limit_bytes = limit_bytes.min(&MAX_FIELD_INTEGER);
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
    fn limit_is_clamped_to_15_digits() {
        let told = |limit_bytes| {
            let (quota, until) = ("q".parse().unwrap(), Time::from_millis(60_000));
            Exhausted { quota, limit_bytes, window: 60, until, reset: 60 }.rate_limit_headers()[0]
                .1
                .clone()
        };
        assert_eq!(told(MAX_LIMIT_BYTES), r#""q";q=999999999999999;qu="content-bytes";w=60"#);
        assert_eq!(told(7), r#""q";q=7;qu="content-bytes";w=60"#);
    }
}

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Series;
use crate::{id::AccountId, time::Time};

/// Usage that somebody reports: so many bytes at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What tells it from others.
    pub id: ReportId,
    /// Of which series, which is an account's.
    pub series: Series,
    /// How many bytes.
    pub bytes: u64,
    /// When.
    pub at: Time,
}

/// What tells a report from others of its account: a digest of its event's source and id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReportId {
    /// Whose usage it is.
    pub account: AccountId,
    /// The digest.
    pub digest: String,
}

/// How old what is reported may be.
pub const LATEST: Duration = Duration::from_secs(3600);
/// How far ahead clocks may be.
pub const AHEAD: Duration = Duration::from_secs(60);

/// A time for which nothing can be reported any more, or yet.
#[derive(Debug, thiserror::Error)]
#[error("is more than an hour back, or more than a minute ahead")]
pub struct OutOfTime;

impl Report {
    /// When something happened that is reported `now`.
    ///
    /// # Errors
    /// When that is too late, or too early.
    pub fn time(at: Time, now: Time) -> Result<Time, OutOfTime> {
        if at >= now - LATEST && at <= now + AHEAD { Ok(at) } else { Err(OutOfTime) }
    }
}

impl ReportId {
    /// Of an event, which `CloudEvents` knows by its source and id.
    #[must_use]
    pub fn new(account: AccountId, source: &str, id: &str) -> Self {
        // The length keeps apart what would read alike in a row.
        let length = u64::try_from(source.len()).unwrap_or_default();
        let digest =
            Sha256::new().chain_update(length.to_be_bytes()).chain_update(source).chain_update(id);
        let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { account, digest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::mint;

    #[test]
    fn an_event_is_known_by_its_source_and_id_together() {
        let account = mint(Time::from_seconds(1), [1; 10]);
        let id = |source: &str, id: &str| ReportId::new(account, source, id);
        assert_eq!(id("a", "bc"), id("a", "bc"));
        assert_ne!(id("a", "bc"), id("ab", "c"));
    }

    #[test]
    fn an_hour_back_and_a_minute_ahead() {
        let now = Time::from_seconds(100_000);
        for (at, good) in [(96_400, true), (96_399, false), (100_060, true), (100_061, false)] {
            assert_eq!(Report::time(Time::from_seconds(at), now).is_ok(), good, "{at}");
        }
    }
}

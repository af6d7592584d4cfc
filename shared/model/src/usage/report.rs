use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Series;
use crate::{id::AccountId, time::Time};

/// Usage reported by a client: a number of bytes at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub id: ReportId,
    /// A series of the client's account.
    pub series: Series,
    pub bytes: u64,
    pub at: Time,
}

/// Idempotency key of a report within its account: a digest of the event's source and id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReportId {
    pub account: AccountId,
    pub digest: String,
}

/// Maximum age of reported usage.
pub const MAX_AGE: Duration = Duration::from_secs(3600);
/// Tolerated lead of a client's clock.
pub const MAX_CLOCK_LEAD: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
#[error("must be at most one hour back and one minute ahead")]
pub struct ReportTimeError;

impl Report {
    /// Checks the time of usage reported at `now`.
    ///
    /// # Errors
    /// If it is more than [`MAX_AGE`] back or more than [`MAX_CLOCK_LEAD`] ahead.
    pub fn check_time(at: Time, now: Time) -> Result<Time, ReportTimeError> {
        if at >= now - MAX_AGE && at <= now + MAX_CLOCK_LEAD {
            Ok(at)
        } else {
            Err(ReportTimeError)
        }
    }
}

impl ReportId {
    /// `CloudEvents` identifies an event by its source and id.
    #[must_use]
    pub fn new(account: AccountId, source: &str, id: &str) -> Self {
        // The length prefix keeps (`a`, `bc`) and (`ab`, `c`) apart.
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
    use crate::id::generate;

    #[test]
    fn report_id_depends_on_source_and_id() {
        let account = generate(Time::from_seconds(1), [1; 10]);
        let id = |source: &str, id: &str| ReportId::new(account, source, id);
        assert_eq!(id("a", "bc"), id("a", "bc"));
        assert_ne!(id("a", "bc"), id("ab", "c"));
    }

    #[test]
    fn accepts_one_hour_back_and_one_minute_ahead() {
        let now = Time::from_seconds(100_000);
        for (at, good) in [(96_400, true), (96_399, false), (100_060, true), (100_061, false)] {
            assert_eq!(Report::check_time(Time::from_seconds(at), now).is_ok(), good, "{at}");
        }
    }
}

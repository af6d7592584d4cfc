//! Long polls for changes of a job.

use std::{fmt, time::Duration};

use http::HeaderMap;
use model::{
    id::{AccountId, JobId},
    job::Job,
};
use tollgate_http::ApiError;

use crate::{App, waiter::Waiter};

/// Longest wait. API Gateway's HTTP APIs time out after thirty seconds.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// Delay of the first read after the request; each further delay is longer by half, up to
/// [`MAX_DELAY`].
const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(1);

/// The `ETag` of a job's state (RFC 9110, section 8.8.3). It is weak, since the response's bytes
/// may differ between versions of Tollgate.
#[derive(Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// Every change of the response changes at least one of these fields.
    pub fn of(job: &Job) -> Self {
        let cancel = if job.cancel_requested { "c" } else { "" };
        let moment = job.finished_at.or(job.next_attempt_at).or(job.attempt_started_at);
        // A queued job is identified by its due time, which a retry changes.
        let moment = moment.unwrap_or(job.run_at).millis();
        Self(format!("W/\"{}-{}-{moment:x}{cancel}\"", job.status, job.attempts))
    }

    /// Whether an `If-None-Match` header contains this tag, by weak comparison (RFC 9110, section
    /// 13.1.2).
    pub fn is_among(&self, known: &str) -> bool {
        let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        known.trim() == "*" || known.split(',').any(|tag| strong(tag) == strong(&self.0))
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The `wait` preference (RFC 7240, section 4.3), capped at [`MAX_WAIT`]. Invalid values are
/// ignored, as the RFC allows.
pub fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    let given = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let wait = given.flat_map(|value| value.split(',')).find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("wait")
            .then(|| value.trim().trim_matches('"').parse::<u64>().ok())?
    })?;
    Some(Duration::from_secs(wait).min(MAX_WAIT)).filter(|wait| !wait.is_zero())
}

impl App {
    /// Reads the job until it is terminal, differs from the `known` state, or the wait is over.
    pub(crate) async fn await_change(
        &self,
        account: AccountId,
        id: JobId,
        known: Option<&str>,
        waiter: &mut Waiter<'_>,
    ) -> Result<Job, ApiError> {
        let mut pause = FIRST_DELAY;
        loop {
            let job = self.read(account, id).await?;
            let news = known.is_none_or(|known| !ETag::of(&job).is_among(known));
            let enough = job.status.is_terminal() || (known.is_some() && news);
            if enough || !waiter.pause(pause).await {
                return Ok(job);
            }
            pause = (pause + pause / 2).min(MAX_DELAY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(preferences: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for preference in preferences {
            headers.append("prefer", preference.parse().unwrap());
        }
        preferred_wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn parses_and_caps_wait() {
        assert_eq!(wait(&["wait=5"]), Some(5));
        assert_eq!(wait(&["return=minimal, WAIT = \"7\"; x=1"]), Some(7));
        assert_eq!(wait(&["respond-async", "wait=100"]), Some(20));
        for none in ["wait", "wait=", "wait=x", "wait=-1", "wait=0", "waiting=3"] {
            assert_eq!(wait(&[none]), None, "{none}");
        }
    }

    #[test]
    fn etags_compare_weakly() {
        let tag = ETag("W/\"queued-0-0\"".into());
        assert!(
            tag.is_among("\"x\", \"queued-0-0\"")
                && tag.is_among("W/\"queued-0-0\"")
                && tag.is_among("*")
        );
        assert!(!tag.is_among("\"queued-0-1\""));
    }
}

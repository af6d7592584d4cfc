use std::fmt;

use model::job::Job;

/// The `ETag` of a job's state (RFC 9110, section 8.8.3). It is weak, since the response's bytes
/// may differ between versions of Tollgate.
#[derive(Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// Every change of the response changes at least one of these fields.
    pub fn of(job: &Job) -> Self {
        let cancel = if job.cancel_requested { "c" } else { "" };
        let changed_at = job.finished_at.or(job.next_attempt_at).or(job.attempt_started_at);
        // A queued job is identified by its due time, which a retry changes.
        let millis = changed_at.unwrap_or(job.run_at).millis();
        Self(format!("W/\"{}-{}-{millis:x}{cancel}\"", job.status, job.attempts))
    }

    /// Whether an `If-None-Match` header contains this tag, by weak comparison (RFC 9110, section
    /// 13.1.2).
    pub fn is_among(&self, tags: &str) -> bool {
        let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        tags.trim() == "*" || tags.split(',').any(|tag| strong(tag) == strong(&self.0))
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! Schedules: recurring jobs.
//!
//! `EventBridge` Scheduler fires at the scheduled times. Its message names a schedule and the
//! scheduled time; the worker creates the job.

mod expression;
mod occurrence;

use serde::{Deserialize, Serialize};

pub use expression::{InvalidExpression, check_expression};
pub use occurrence::{SCHEDULED_TIME, due_at, job_id};

use crate::{
    endpoint::check_address,
    id::AccountId,
    job::{Message, Metadata, Payload, ScheduledRun, metadata_schema},
    name::Name,
    time::Time,
    violation::Violation,
    zone::{UNKNOWN_ZONE, is_zone},
};

/// The body of `PUT /v1/schedules/{name}`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// `rate(5 minutes)`, or `cron(minutes hours day-of-month month day-of-week year)` in the
    /// syntax of `EventBridge` Scheduler.
    #[schema(min_length = 1, max_length = 256, examples("cron(30 4 ? * MON-FRI *)"))]
    pub expression: String,
    /// Time zone of a `cron` expression: a name of the IANA Time Zone Database.
    #[serde(default = "ScheduleSpec::default_timezone")]
    #[schema(max_length = 50, default = "UTC", examples("Europe/Berlin"))]
    pub timezone: String,
    /// The job to submit.
    pub job: ScheduledJob,
    /// Id of the account that the job is submitted for.
    #[schema(value_type = String, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    pub account: AccountId,
    /// Whether the schedule is active.
    #[serde(default = "ScheduleSpec::default_enabled")]
    #[schema(default = true)]
    pub enabled: bool,
}

/// The job that a schedule submits: the body of `POST /v1/jobs` without account and `run_at`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduledJob {
    /// Name of the kind.
    pub kind: Name,
    /// The payload: any JSON that the kind's schema allows. The target receives it byte for byte as
    /// sent.
    #[schema(value_type = Value)]
    pub payload: Payload,
    /// 0 to 9, highest first. Only kinds with the discipline `priority` use it.
    #[serde(default)]
    #[schema(maximum = 9, default = 0)]
    pub priority: u8,
    /// An `https://` or `http://` URL. When a job is completed, failed or cancelled, Tollgate sends
    /// it there as a signed `POST`, with retries.
    #[serde(default)]
    #[schema(max_length = 2000, examples("https://example.com/callbacks"))]
    pub callback_url: Option<String>,
    /// Names and values attached to each job.
    #[serde(default)]
    #[schema(schema_with = metadata_schema)]
    pub metadata: Metadata,
}

impl ScheduleSpec {
    fn default_timezone() -> String {
        "UTC".to_owned()
    }

    const fn default_enabled() -> bool {
        true
    }

    /// Violations that the JSON schema cannot express. The stores check whether account and kind
    /// exist.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if let Err(why) = check_expression(&self.expression) {
            found.push(Violation::new("/expression", why.to_string()));
        }
        // Only the name is checked: Scheduler interprets the zone.
        if !is_zone(&self.timezone) {
            found.push(Violation::new("/timezone", UNKNOWN_ZONE));
        }
        if let Some(Err(why)) = self.job.callback_url.as_deref().map(check_address) {
            found.push(Violation::new("/job/callback_url", why.to_string()));
        }
        found
    }
}

/// The message that Scheduler sends for a schedule, with a placeholder for the scheduled time.
#[must_use]
pub fn message(name: &Name) -> Message {
    Message::Schedule(ScheduledRun { name: name.clone(), at: SCHEDULED_TIME.to_owned() })
}

/// A stored schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub name: Name,
    /// Changes with every update.
    pub version: String,
    pub spec: ScheduleSpec,
    pub created_at: Time,
    pub updated_at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(expression: &str, timezone: &str) -> ScheduleSpec {
        let account = "acc_01kagzwy00e40r2081040g2081";
        let text = format!(
            r#"{{"expression":"{expression}","timezone":"{timezone}","account":"{account}",
                "job":{{"kind":"echo","payload":{{"n": 1.50}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn json_round_trip_keeps_payload_bytes() {
        let text = serde_json::to_string(&spec("rate(1 day)", "UTC")).unwrap();
        assert!(text.contains(r#"{"n": 1.50}"#), "{text}");
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<ScheduleSpec>(&text).unwrap()).unwrap(),
            text
        );
    }

    #[test]
    fn accepts_only_iana_time_zones() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert_eq!(spec("rate(1 day)", good).violations(), [], "{good}");
        }
        for bad in ["", "CEST", "Berlin", "Europe/Atlantis", "+02:00", "europe/berlin"] {
            assert_eq!(spec("rate(1 day)", bad).violations()[0].pointer, "/timezone", "{bad}");
        }
        let both: Vec<_> =
            spec("daily", "CEST").violations().into_iter().map(|wrong| wrong.pointer).collect();
        assert_eq!(both, ["/expression", "/timezone"]);
    }
}

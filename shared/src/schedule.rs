//! Schedules: jobs that recur.
//!
//! `EventBridge` Scheduler keeps the time. What it sends names a schedule and the time that it was due; the worker makes the job.

mod expression;
mod occurrence;

use serde::{Deserialize, Serialize};

pub use expression::{NotAnExpression, check_expression};
pub use occurrence::{SCHEDULED_TIME, due_at, job_id};

use crate::{
    endpoint::check_address,
    id::AccountId,
    job::{Message, Metadata, Payload, ScheduledRun, metadata_schema},
    name::Name,
    schema::Violation,
    time::Time,
    zone::{NOT_A_ZONE, is_zone},
};

/// The body of `PUT /v1/schedules/{name}`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// When: `rate(5 minutes)`, or `cron(minutes hours day-of-month month day-of-week year)` as `EventBridge` Scheduler has it.
    #[schema(min_length = 1, max_length = 256, examples("cron(30 4 ? * MON-FRI *)"))]
    pub expression: String,
    /// In whose time a `cron` expression is meant: a name of the IANA Time Zone Database.
    #[serde(default = "ScheduleSpec::default_timezone")]
    #[schema(max_length = 50, default = "UTC", examples("Europe/Berlin"))]
    pub timezone: String,
    /// What to run.
    pub job: ScheduledJob,
    /// For whom.
    #[schema(value_type = String, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    pub account: AccountId,
    /// Whether it runs at all.
    #[serde(default = "ScheduleSpec::default_enabled")]
    #[schema(default = true)]
    pub enabled: bool,
}

/// What a schedule runs: a job as `POST /v1/jobs` takes it, but for whom and when.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduledJob {
    /// What the job is: the name of a kind.
    pub kind: Name,
    /// What the target is to get, any JSON that the kind's schema allows. It arrives byte for byte as it was sent.
    #[schema(value_type = Value)]
    pub payload: Payload,
    /// 0 to 9; 9 goes first, where the kind's discipline is `priority`.
    #[serde(default)]
    #[schema(maximum = 9, default = 0)]
    pub priority: u8,
    /// Who is told when a job is completed, failed or cancelled: by a signed `POST` of the job, with retries, at an `https://` or `http://`
    /// address.
    #[serde(default)]
    #[schema(max_length = 2000, examples("https://example.com/callbacks"))]
    pub callback_url: Option<String>,
    /// Notes of your own, which each job gets.
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

    /// What is wrong with it that its own schema can't say. Whether its account and its kind are there is for the stores to tell.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if let Err(why) = check_expression(&self.expression) {
            found.push(Violation::new("/expression", why.to_string()));
        }
        // Only the names: what the zones mean is for Scheduler to know.
        if !is_zone(&self.timezone) {
            found.push(Violation::new("/timezone", NOT_A_ZONE));
        }
        if let Some(Err(why)) = self.job.callback_url.as_deref().map(check_address) {
            found.push(Violation::new("/job/callback_url", why.to_string()));
        }
        found
    }
}

/// The message that a schedule sends at its times: which schedule, and by Scheduler's hand for when.
#[must_use]
pub fn message(name: &Name) -> Message {
    Message::Schedule(ScheduledRun { name: name.clone(), at: SCHEDULED_TIME.to_owned() })
}

/// A schedule as Tollgate keeps it.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its name.
    pub name: Name,
    /// Another one after every change.
    pub version: String,
    /// What the operator said.
    pub spec: ScheduleSpec,
    /// When it was first made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(expression: &str, timezone: &str) -> ScheduleSpec {
        let account = "acc_01kagzwy00e40r2081040g2081";
        let text = format!(
            r#"{{"expression":"{expression}","timezone":"{timezone}","account":"{account}","job":{{"kind":"echo","payload":{{"n": 1.50}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn survives_its_own_text_with_its_payload_as_it_was() {
        let text = serde_json::to_string(&spec("rate(1 day)", "UTC")).unwrap();
        assert!(text.contains(r#"{"n": 1.50}"#), "{text}");
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<ScheduleSpec>(&text).unwrap()).unwrap(),
            text
        );
    }

    #[test]
    fn time_zones_are_those_of_the_database() {
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

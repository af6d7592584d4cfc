use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    event::{Event, EventType, unfit},
    id::{AccountId, EventId},
    schema::Violation,
    time::Time,
};

/// The body of `POST /v1/accounts/{id}/events`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRequest {
    /// What there is to tell: any JSON but null, an empty text, list or object; at most 64 KiB. Subscribers get it byte for byte.
    #[schema(value_type = Value)]
    pub data: Box<RawValue>,
    /// Where it comes from, such as a host's name; the name of the key if nothing is said.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255, examples("sensor-7.example.com"))]
    pub source: Option<String>,
}

impl EventRequest {
    /// What is wrong with it that its schema can't say.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        unfit(&self.data).map(|why| Violation::new("/data", why)).into_iter().collect()
    }
}

/// That an event was accepted.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventAccepted {
    /// The event's id.
    #[schema(value_type = String, examples("evt_01kagzwy00e81840g2081040g2"))]
    pub id: EventId,
}

/// An event as its subscribers are shown it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventBody {
    /// Its id.
    #[schema(value_type = String, examples("evt_01kagzwy00e81840g2081040g2"))]
    pub id: EventId,
    /// Whose it is.
    #[schema(value_type = String, examples("acc_01kagzwy00e40r2081040g2081"))]
    pub account_id: AccountId,
    /// When it was accepted.
    pub time: Time,
    /// What sort of event it is. There may be more than these one day.
    pub r#type: EventType,
    /// What there is to tell: of `data` what was published, as it came; of `job.…` an object with `job_id`, `kind`, `status` and `error`.
    #[schema(value_type = Value)]
    pub data: Box<RawValue>,
    /// Where it came from: what its publisher said, or the name of its key; of `job.…` the job's kind.
    pub source: String,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        let (time, Event { id, account, content }) = (event.time(), event);
        Self {
            id,
            account_id: account,
            time,
            r#type: content.r#type,
            data: content.data,
            source: content.source,
        }
    }
}

/// A page of events.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventPage {
    /// The events, oldest first. A page may hold fewer than were asked for, even none, while there are more.
    pub items: Vec<EventBody>,
    /// Give it as `after` to read on, now or after any outage of less than 7 days. Never null: events may come at any time.
    pub next_cursor: String,
}

/// How much is accepted, of all accounts and by all instances.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RateBody {
    /// Events a second.
    #[schema(examples(12.5))]
    pub events_per_second: f64,
    /// Jobs a second.
    #[schema(examples(3.2))]
    pub jobs_per_second: f64,
    /// The mean of how many seconds these are.
    #[schema(examples(10))]
    pub window_seconds: u64,
}

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use model::{
    event::{Event, EventType, data_violation},
    id::{AccountId, EventId},
    time::Time,
    violation::Violation,
};

/// The body of `POST /v1/accounts/{id}/events`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRequest {
    /// Event data: any JSON other than null or an empty string, array or object; at most 64 KiB.
    /// Delivered to subscribers byte for byte.
    #[schema(value_type = Value)]
    pub data: Box<RawValue>,
    /// Origin of the event, such as a host name. Defaults to the name of the key.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255, examples("sensor-7.example.com"))]
    pub source: Option<String>,
}

impl EventRequest {
    /// Rules that the schema can't express.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        data_violation(&self.data).map(|why| Violation::new("/data", why)).into_iter().collect()
    }
}

/// An accepted event.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventAccepted {
    /// Event id.
    #[schema(value_type = String, examples("evt_01kagzwy00e81840g2081040g2"))]
    pub id: EventId,
}

/// An event as delivered to subscribers.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventBody {
    /// Event id.
    #[schema(value_type = String, examples("evt_01kagzwy00e81840g2081040g2"))]
    pub id: EventId,
    /// Account of the event.
    #[schema(value_type = String, examples("acc_01kagzwy00e40r2081040g2081"))]
    pub account_id: AccountId,
    /// Time of acceptance.
    pub time: Time,
    /// Event type. More types may be added.
    pub r#type: EventType,
    /// Event data: for `data`, as published; for `job.…`, an object with `job_id`, `kind`, `status`
    /// and `error`.
    #[schema(value_type = Value)]
    pub data: Box<RawValue>,
    /// Origin: given by the publisher, or the name of its key; for `job.…`, the job's kind.
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
    /// Events, oldest first. A page may hold fewer events than the limit, even none, while more
    /// follow.
    pub items: Vec<EventBody>,
    /// Pass it as `after` to continue, also after an outage of up to 7 days. Never null, because
    /// events may arrive at any time.
    pub next_cursor: String,
}

/// Rates of acceptance over all accounts and instances.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RateBody {
    /// Events per second.
    #[schema(examples(12.5))]
    pub events_per_second: f64,
    /// Jobs per second.
    #[schema(examples(3.2))]
    pub jobs_per_second: f64,
    /// Length of the averaging window, in seconds.
    #[schema(examples(10))]
    pub window_seconds: u64,
}

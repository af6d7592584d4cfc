mod read;
mod writer_streams;

use std::time::Duration;

use aws_sdk_dynamodb::config::Config;
use aws_smithy_types::timeout::TimeoutConfig;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use read::{Batch, NextRead, ReadLimits};
pub use writer_streams::Reservation;
use writer_streams::WriterStreams;

use super::{
    Error, IdempotencyKey, IdempotencyStore, Table, Throughput,
    key::Key,
    table::{Item, item, parse_item},
};
use model::{
    event::{Content, Event, EventType, MAX_ID_AGE, RETENTION, WRITE_FINAL_AFTER, WRITE_TIMEOUT},
    id::{self, AccountId, EventId, JobId},
    time::Time,
};
use runtime::{
    clock::Clock,
    metrics::registry,
    telemetry::{Metrics, Record},
};

/// Publishes each event once, in order; subscribers read on from a cursor.
#[derive(Debug)]
pub struct EventStore {
    table: Table,
    records: IdempotencyStore,
    rates: Throughput,
    metrics: Metrics,
    clock: Clock,
    lanes: WriterStreams,
}

/// Result of publishing an event once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishResult {
    /// The event is stored under this id, by this or an earlier call.
    Stored(EventId),
    /// The outcome of an earlier try is uncertain until this time; retry then.
    RetryAt(Time),
}

/// An event's item without its key.
#[derive(Serialize, Deserialize)]
struct EventItem {
    #[serde(default, skip_serializing)]
    sk: String,
    r#type: EventType,
    /// JSON.
    data: String,
    source: String,
    /// TTL, in seconds; readers ignore expired items.
    expires_at: i64,
}

/// Aborts slow writes before the event's id is too old for readers to see it.
fn write_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(WRITE_TIMEOUT / 2)
        .operation_timeout(WRITE_TIMEOUT - Duration::from_millis(100))
        .build()
}

impl EventStore {
    #[must_use]
    pub fn new(table: Table, rates: Throughput, metrics: Metrics, clock: Clock) -> Self {
        let records = IdempotencyStore::new(table.clone());
        Self { table, records, rates, metrics, clock, lanes: WriterStreams::default() }
    }

    /// Reserves an id for the next event, valid for [`MAX_ID_AGE`]. An unused reservation has no
    /// effect.
    pub async fn reserve(&self) -> Reservation {
        self.lanes.reserve(&self.clock).await
    }

    /// Publishes an event under its reserved id. One write.
    ///
    /// # Errors
    /// Fails when the table can't be written in time. The event may be stored nevertheless, but the
    /// caller must not report it as published.
    pub async fn publish(
        &self,
        mut place: Reservation,
        account: AccountId,
        content: Content,
    ) -> Result<EventId, Error> {
        let id = place.id();
        if self.clock.now().since(place.since) > MAX_ID_AGE {
            return Err(Error::Unavailable("event reservation expired".to_owned()));
        }
        place.mark_started();
        self.put(Event { id, account, content }).await?;
        place.mark_written();
        Ok(id)
    }

    /// Publishes the end event of an announced job, if it has one. On failure the receiver of the
    /// announcement publishes it.
    pub async fn publish_end(
        &self,
        place: Option<Reservation>,
        account: AccountId,
        content: Option<Content>,
    ) {
        let (Some(place), Some(content)) = (place, content) else { return };
        let id = place.id();
        if let Err(error) = self.publish(place, account, content).await {
            tracing::warn!(%account, event = %id, cause = %error, "event publication deferred");
        }
    }

    /// Publishes a job's event once, across all tries; `since` is when the job's first attempt
    /// started.
    ///
    /// # Errors
    /// Fails when the table can't be read or written in time; the caller may retry.
    pub async fn publish_job_event(
        &self,
        account: AccountId,
        job: JobId,
        since: Time,
        content: Content,
    ) -> Result<PublishResult, Error> {
        self.publish_about(account, &job.to_string(), since, content).await
    }

    /// Publishes an event about `subject` as of `since` once, across all tries and callers.
    ///
    /// # Errors
    /// Fails when the table can't be read or written in time; the caller may retry.
    pub async fn publish_about(
        &self,
        account: AccountId,
        subject: &str,
        since: Time,
        content: Content,
    ) -> Result<PublishResult, Error> {
        let id = id::derived(since, &["event", subject]);
        if self.clock.now().since(since) > MAX_ID_AGE {
            let key = IdempotencyKey::of(&format!("event {subject} {since}"));
            return self.publish_once(account, &key, subject, id, content).await;
        }
        self.put(Event { id, account, content }).await?;
        Ok(PublishResult::Stored(id))
    }

    /// Publishes an event once across all tries and callers, after a possible first try under the
    /// id `first`.
    ///
    /// A late event can't reuse the id `first`, since readers may have passed it. It can't take
    /// another id either while the first write may still appear. Once that is ruled out, an
    /// idempotency record replaces the first id with a new one. Only the writer of the record
    /// publishes under the new id. `fingerprint` is the record's.
    ///
    /// # Errors
    /// Fails when the table can't be read or written in time; the caller may retry.
    pub async fn publish_once(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        fingerprint: &str,
        first: EventId,
        content: Content,
    ) -> Result<PublishResult, Error> {
        if self.exists(account, &first).await? {
            return Ok(PublishResult::Stored(first));
        }
        let now = self.clock.now();
        let latest = self.records.find(account, key, fingerprint, now).await?.unwrap_or(first);
        if latest != first && self.exists(account, &latest).await? {
            return Ok(PublishResult::Stored(latest));
        }
        let decided = id::time_of(&latest) + WRITE_FINAL_AFTER;
        if now < decided {
            return Ok(PublishResult::RetryAt(decided));
        }
        let place = self.reserve().await;
        if !self.records.replace_id(account, key, fingerprint, latest, place.id(), now).await? {
            return Ok(PublishResult::RetryAt(now + WRITE_FINAL_AFTER));
        }
        self.publish(place, account, content).await.map(PublishResult::Stored)
    }

    async fn put(&self, Event { id, account, content }: Event) -> Result<(), Error> {
        let begun = self.clock.now();
        let Content { r#type, data, source } = content;
        let data = Box::<str>::from(data).into_string();
        let expires_at = (id::time_of(&id) + RETENTION).seconds_ceil();
        let event = EventItem { sk: String::new(), r#type, data, source, expires_at };
        let call = self.table.client.put_item().table_name(&self.table.name);
        let call = call.set_item(Some(item(&Key::event(account, &id), &event)?)).customize();
        let call = call.config_override(Config::builder().timeout_config(write_timeouts()));
        call.send().await.map_err(|e| Error::of("PutItem", &e))?;
        if self.clock.now().since(begun) > WRITE_TIMEOUT {
            return Err(Error::Unavailable(
                "PutItem: event write exceeded its deadline".to_owned(),
            ));
        }
        self.rates.count_event();
        let published = Record::new().dimension("type", r#type.as_str());
        self.metrics.emit(&published.count(&registry::PUBLISHED, 1), self.clock.now());
        Ok(())
    }

    /// Whether the event is stored, by a consistent read.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn exists(&self, account: AccountId, id: &EventId) -> Result<bool, Error> {
        Ok(self.table.get(&Key::event(account, id), true).await?.is_some())
    }
}

fn read_event(account: AccountId, item: Item) -> Result<(Event, Time), Error> {
    let EventItem { sk, r#type, data, source, expires_at, .. } = parse_item("an event", item)?;
    let corrupt = |why: String| Error::Corrupt("an event", why);
    let id = sk.parse().map_err(|_| corrupt(format!("invalid id: {sk}")))?;
    let data = RawValue::from_string(data).map_err(|error| corrupt(error.to_string()))?;
    let content = Content { r#type, data, source };
    Ok((Event { id, account, content }, Time::from_seconds(expires_at)))
}

mod lanes;
mod read;

use std::time::Duration;

use aws_sdk_dynamodb::config::Config;
use aws_smithy_types::timeout::TimeoutConfig;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use lanes::Lanes;
pub use lanes::Place;
pub use read::{Extent, Portion, Rest};

use super::{
    Error, IdempotencyKey, IdempotencyStore, Rates, Table,
    key::Key,
    table::{Item, content, item},
};
use crate::{
    clock::Clock,
    event::{Content, DECIDED, Event, EventType, FRESH, KEPT, WRITING},
    id::{self, AccountId, EventId, JobId},
    metrics::registry,
    telemetry::{Metrics, Record},
    time::Time,
};

/// Events: published, each once and in an order, and read on from wherever a reader stands.
#[derive(Debug)]
pub struct EventStore {
    table: Table,
    records: IdempotencyStore,
    rates: Rates,
    metrics: Metrics,
    clock: Clock,
    lanes: Lanes,
}

/// What came of an event that is to be published once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is there, under this id: by this call or by an earlier one.
    Yes(EventId),
    /// It may not be tried before.
    NotBefore(Time),
}

/// An event's item, except for its key.
#[derive(Serialize, Deserialize)]
struct EventItem {
    #[serde(default, skip_serializing)]
    sk: String,
    r#type: EventType,
    /// JSON.
    data: String,
    source: String,
    /// TTL, in seconds; readers don't show what outlived it.
    expires_at: i64,
}

/// A write that takes longer is given up, before its id is too old for readers to see it.
fn in_time() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(WRITING / 2)
        .operation_timeout(WRITING - Duration::from_millis(100))
        .build()
}

impl EventStore {
    /// The events of a table; each that is published is counted.
    #[must_use]
    pub fn new(table: Table, rates: Rates, metrics: Metrics, clock: Clock) -> Self {
        let records = IdempotencyStore::new(table.clone());
        Self { table, records, rates, metrics, clock, lanes: Lanes::default() }
    }

    /// A place for the next event. It is good for as long as [`FRESH`]; one that isn't used does no harm.
    pub async fn reserve(&self) -> Place {
        self.lanes.reserve(&self.clock).await
    }

    /// Publishes an event at its place: one write.
    ///
    /// # Errors
    /// When the table can't be written, or not in time; the event may be there all the same, and nobody was promised it.
    pub async fn publish(
        &self,
        mut place: Place,
        account: AccountId,
        content: Content,
    ) -> Result<EventId, Error> {
        let id = place.id();
        if self.clock.now().since(place.since) > FRESH {
            return Err(Error::Unavailable("an event's place was kept for too long".to_owned()));
        }
        place.begin();
        self.put(Event { id, account, content }).await?;
        place.end();
        Ok(id)
    }

    /// Publishes the end of a job that was announced, if that is to be told. If it fails, whoever gets the announcement publishes it.
    pub async fn tell(&self, place: Option<Place>, account: AccountId, content: Option<Content>) {
        let (Some(place), Some(content)) = (place, content) else { return };
        let id = place.id();
        if let Err(error) = self.publish(place, account, content).await {
            tracing::warn!(%account, event = %id, cause = %error, "an event is published later");
        }
    }

    /// Publishes what a job brings, as often as that is tried since its first attempt began at `since`.
    ///
    /// # Errors
    /// When the table can't be read or written, or not in time; another try finds out.
    pub async fn publish_for(
        &self,
        account: AccountId,
        job: JobId,
        since: Time,
        content: Content,
    ) -> Result<Published, Error> {
        self.publish_about(account, &job.to_string(), since, content).await
    }

    /// Publishes what is to be told of `subject` since `since`, once, however often and by whomever that is tried.
    ///
    /// # Errors
    /// When the table can't be read or written, or not in time; another try finds out.
    pub async fn publish_about(
        &self,
        account: AccountId,
        subject: &str,
        since: Time,
        content: Content,
    ) -> Result<Published, Error> {
        let id = id::derived(since, &["event", subject]);
        if self.clock.now().since(since) > FRESH {
            let key = IdempotencyKey::of(&format!("event {subject} {since}"));
            return self.publish_once(account, &key, subject, id, content).await;
        }
        self.put(Event { id, account, content }).await?;
        Ok(Published::Yes(id))
    }

    /// Publishes an event of which a first try was made, or may have been, under the id `first`; unless it is there, and however often and by
    /// whomever that is tried.
    ///
    /// A late event must not get the id of its first try: readers may have passed that. Nor may it get any other while the first may still
    /// appear. So when that is decided, a record takes the place of the first id by another, and only whoever wrote it tries that one.
    /// `fingerprint` is that of the record, should there be one.
    ///
    /// # Errors
    /// When the table can't be read or written, or not in time; another try finds out.
    pub async fn publish_once(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        fingerprint: &str,
        first: EventId,
        content: Content,
    ) -> Result<Published, Error> {
        if self.is_there(account, &first).await? {
            return Ok(Published::Yes(first));
        }
        let now = self.clock.now();
        let latest = self.records.find(account, key, fingerprint, now).await?.unwrap_or(first);
        if latest != first && self.is_there(account, &latest).await? {
            return Ok(Published::Yes(latest));
        }
        let decided = id::time_of(&latest) + DECIDED;
        if now < decided {
            return Ok(Published::NotBefore(decided));
        }
        let place = self.reserve().await;
        if !self.records.renew(account, key, fingerprint, latest, place.id(), now).await? {
            return Ok(Published::NotBefore(now + DECIDED));
        }
        self.publish(place, account, content).await.map(Published::Yes)
    }

    async fn put(&self, Event { id, account, content }: Event) -> Result<(), Error> {
        let begun = self.clock.now();
        let Content { r#type, data, source } = content;
        let data = Box::<str>::from(data).into_string();
        let expires_at = (id::time_of(&id) + KEPT).seconds_up();
        let event = EventItem { sk: String::new(), r#type, data, source, expires_at };
        let call = self.table.client.put_item().table_name(&self.table.name);
        let call = call.set_item(Some(item(&Key::event(account, &id), &event)?)).customize();
        let call = call.config_override(Config::builder().timeout_config(in_time()));
        call.send().await.map_err(|e| Error::of("PutItem", &e))?;
        if self.clock.now().since(begun) > WRITING {
            return Err(Error::Unavailable("PutItem: an event was written too late".to_owned()));
        }
        self.rates.event();
        let published = Record::new().dimension("type", r#type.as_str());
        self.metrics.emit(&published.count(&registry::PUBLISHED, 1), self.clock.now());
        Ok(())
    }

    /// Whether an event is there, as every write that was answered before left it.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn is_there(&self, account: AccountId, id: &EventId) -> Result<bool, Error> {
        Ok(self.table.get(&Key::event(account, id), true).await?.is_some())
    }
}

fn read_event(account: AccountId, item: Item) -> Result<(Event, Time), Error> {
    let EventItem { sk, r#type, data, source, expires_at, .. } = content("an event", item)?;
    let corrupt = |why: String| Error::Corrupt("an event", why);
    let id = sk.parse().map_err(|_| corrupt(format!("{sk} is no id")))?;
    let data = RawValue::from_string(data).map_err(|error| corrupt(error.to_string()))?;
    let content = Content { r#type, data, source };
    Ok((Event { id, account, content }, Time::from_seconds(expires_at)))
}

//! All primary keys of the table. They are built only here, so that two item types can't share a
//! key.
//!
//! Parts are joined by `#`. Ids and names never contain `#`. Any other external text is hashed,
//! escaped (usage labels), or forms a whole sort key by itself (row keys).

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use model::{
    id::{AccountId, EventId, JobId, KeyId},
    name::Name,
    push::ConnectionId,
    records::Identifier,
    time::Time,
    usage::{Day, Direction, Hour, Label, Origin, ReportId, Series},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub pk: String,
    pub sk: String,
}

/// Number of partitions per account for jobs, so that a busy account has no hot partition.
pub(super) const SHARDS: u8 = 16;

/// Number of partitions per minute for throughput counts. A partition takes 1,000 writes per
/// second; a process makes one per second.
const RATE_SHARDS: u8 = 4;

/// Number of partitions for totals. A partition takes 1,000 writes per second; a worker makes one
/// per batch and topic.
const COUNTER_SHARDS: u8 = 4;

/// Number of partitions per hour of the due list. A partition takes 1,000 writes per second, and
/// the gateway admits 5,000 requests per second.
pub const DUE_SHARDS: u8 = 8;

/// Partition of the progress cursors of work that the minute tick spreads over several runs.
pub(super) const CURSORS: &str = "CURSORS";

/// Number of partitions over which accounts are spread for the usage they report. A partition takes
/// 1,000 write units per second, and a report is a transaction, which costs two. The minute tick
/// queries every partition.
const PUSH_SHARDS: u8 = 8;

pub(super) const KINDS: &str = "KINDS";
pub(super) const QUOTAS: &str = "QUOTAS";
/// States of all quotas.
pub(super) const QUOTA_STATES: &str = "QUOTA_STATES";
pub(super) const SCHEDULES: &str = "SCHEDULES";
pub(super) const SOURCES: &str = "SOURCES";
/// Collection state of each usage source.
pub(super) const SOURCE_STATES: &str = "SOURCE_STATES";
/// Directory of usage series and the origins that count each of them.
pub(super) const SERIES: &str = "SERIES";
/// Index that holds the ready queues: due and running jobs of `lifo` and `priority` kinds, in
/// order.
pub(super) const READY_INDEX: &str = "agenda";
/// Directory of all accounts, for listing.
pub(super) const ACCOUNTS: &str = "ACCOUNTS";

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub fn account(account: AccountId) -> Self {
        Self::new(format!("ACCOUNT#{account}"), "PROFILE")
    }

    /// A key in the partitions of accounts that no item has.
    pub fn no_account() -> Self {
        Self::new("ACCOUNT#-", "-")
    }

    pub fn account_in_directory(account: AccountId) -> Self {
        Self::new(ACCOUNTS, account.to_string())
    }

    pub fn api_key(account: AccountId, key: KeyId) -> Self {
        Self::new(format!("ACCOUNT#{account}"), format!("KEY#{key}"))
    }

    /// Prefix of an account's key items; sorts before the first of them.
    pub fn api_keys(account: AccountId) -> Self {
        Self::new(format!("ACCOUNT#{account}"), "KEY#")
    }

    /// A definition that operators name; `partition` is e.g. [`KINDS`].
    pub fn definition(partition: &'static str, name: &Name) -> Self {
        Self::new(partition, name.as_str())
    }

    /// Index entry: the account owns or owned the definition of this name.
    pub fn account_index_entry(partition: &'static str, account: AccountId, name: &Name) -> Self {
        Self::new(Self::account_index(partition, account), name.as_str())
    }

    /// Index partition of an account's definitions; `partition` is e.g. [`SCHEDULES`].
    pub fn account_index(partition: &'static str, account: AccountId) -> String {
        format!("{partition}#{account}")
    }

    pub fn job(account: AccountId, job: JobId) -> Self {
        Self::new(Self::jobs(account, shard(job)), job.to_string())
    }

    /// Partition of the index `agenda`: the ready queue of an account and kind.
    pub fn ready_queue(account: AccountId, kind: &Name) -> String {
        format!("{account}#{kind}")
    }

    /// Parses a partition key of the index `agenda`.
    pub fn parse_ready_queue(partition: &str) -> Option<(AccountId, Name)> {
        let (account, kind) = partition.split_once('#')?;
        Some((account.parse().ok()?, kind.parse().ok()?))
    }

    /// One of the [`SHARDS`] partitions of an account's jobs.
    pub fn jobs(account: AccountId, shard: u8) -> String {
        format!("JOBS#{account}#{shard:x}")
    }

    pub fn due(due: Time, account: AccountId, job: JobId) -> Self {
        let at = due.millis();
        Self::new(Self::due_hour(at, shard(job) % DUE_SHARDS), format!("{at:013}#{account}#{job}"))
    }

    /// Partition of the due list for the hour that contains `millis` (since the epoch).
    pub fn due_hour(millis: i64, shard: u8) -> String {
        format!("DUE#{}#{shard:x}", millis.div_euclid(3_600_000))
    }

    /// Progress of a pass over one shard of the due list.
    pub fn due_cursor(pass: &str, shard: u8) -> Self {
        Self::new(CURSORS, format!("{pass}#{shard:x}"))
    }

    /// Progress of the walk over all jobs.
    pub fn walk() -> Self {
        Self::new(CURSORS, "walk")
    }

    /// A payload too large for its job's item. It has its own partition, since a job listing would
    /// otherwise read and pay for all payloads.
    pub fn payload(account: AccountId, job: JobId) -> Self {
        Self::new(format!("BULK#{account}#{job}"), "PAYLOAD")
    }

    /// A result too large for its job's item. `owner` is the lease token of the attempt that
    /// produced it.
    pub fn result(account: AccountId, job: JobId, owner: &str) -> Self {
        Self::new(format!("BULK#{account}#{job}"), format!("RESULT#{owner}"))
    }

    pub fn idempotency(account: AccountId, hash: &str) -> Self {
        Self::new(format!("IDEMPOTENCY#{account}#{hash}"), "-")
    }

    /// Completion times of an account's jobs of a kind in the hour of `time`.
    pub fn completion_times(account: AccountId, kind: &Name, time: Time) -> Self {
        let hour = time.to_string();
        Self::new(
            format!("COUNTERS#{account}"),
            format!("PACE#{kind}#{}", &hour[..hour.len().min(13)]),
        )
    }

    /// A concurrency slot of an account that has a concurrency limit.
    pub fn slot(account: AccountId, number: u32) -> Self {
        Self::new(Self::slots(account), format!("{number:05}"))
    }

    /// Partition of an account's concurrency slots.
    pub fn slots(account: AccountId) -> String {
        format!("SLOTS#{account}")
    }

    /// A slot for a long-polling request. Each slot is its own partition, so that none is hot.
    pub fn wait_slot(number: u32) -> Self {
        Self::new(format!("WAIT#{number}"), "-")
    }

    pub fn event(account: AccountId, event: &EventId) -> Self {
        Self::new(Self::events(account), event.to_string())
    }

    /// Partition of an account's events, sorted by id.
    pub fn events(account: AccountId) -> String {
        format!("EVENTS#{account}")
    }

    /// A WebSocket ticket, by its digest.
    pub fn ticket(digest: &str) -> Self {
        Self::new(format!("TICKET#{digest}"), "-")
    }

    /// A WebSocket connection, by the id that API Gateway assigned.
    pub fn connection(id: &ConnectionId) -> Self {
        Self::new(format!("CONNECTION#{id}"), "-")
    }

    /// Subscription of a connection to an account's events.
    pub fn subscription(account: AccountId, connection: &ConnectionId) -> Self {
        Self::new(Self::subscriptions(account), connection.as_str())
    }

    /// Partition of an account's subscribers.
    pub fn subscriptions(account: AccountId) -> String {
        format!("SUBSCRIBERS#{account}")
    }

    /// Events and jobs accepted by one process in a minute; `minute` counts from the epoch.
    pub fn rate(minute: i64, process: Uuid) -> Self {
        let shard = process.as_bytes()[0] % RATE_SHARDS;
        Self::new(format!("RATE#{minute}#{shard:x}"), process.simple().to_string())
    }

    /// Partitions of all processes' counts for a minute.
    pub fn rates(minute: i64) -> Vec<String> {
        (0..RATE_SHARDS).map(|shard| format!("RATE#{minute}#{shard:x}")).collect()
    }

    /// Totals of a topic and name, in the shard that this process writes. No account id is a single
    /// character, so this partition never holds completion times.
    pub fn counters(process: Uuid, topic: &str, name: &str) -> Self {
        let shard = process.as_bytes()[0] % COUNTER_SHARDS;
        Self::new(format!("COUNTERS#{shard:x}"), format!("{topic}#{name}"))
    }

    /// Partitions of all totals.
    pub fn counter_shards() -> Vec<String> {
        (0..COUNTER_SHARDS).map(|shard| format!("COUNTERS#{shard:x}")).collect()
    }

    /// `key` has 1 to 512 bytes.
    pub fn row(account: AccountId, table: &Identifier, key: &str) -> Self {
        Self::new(Self::rows(account, table), key)
    }

    /// Partition of a table's rows.
    pub fn rows(account: AccountId, table: &Identifier) -> String {
        format!("TABLE#{account}#{table}")
    }

    /// Marker: the job's row changes are applied.
    pub fn applied(account: AccountId, job: JobId) -> Self {
        Self::new(format!("APPLIED#{account}#{job}"), "-")
    }

    /// The open hour of a series at an origin, with its total so far.
    pub fn open_hour(series: &Series, origin: &Origin) -> Self {
        let partition = match origin {
            Origin::Pushed => pushed(push_shard(series.account)),
            origin => format!("{SERIES}#{origin}"),
        };
        Self::new(partition, series_key(series))
    }

    /// Partitions of all open hours at an origin.
    pub fn open_hours(origin: &Origin) -> Vec<String> {
        match origin {
            Origin::Pushed => (0..PUSH_SHARDS).map(pushed).collect(),
            origin => vec![format!("{SERIES}#{origin}")],
        }
    }

    /// Parses the origin from a partition of open hours.
    pub fn parse_origin(partition: &str) -> Option<Origin> {
        partition.split('#').nth(1)?.parse().ok()
    }

    /// Directory entry: the series is counted at the origin.
    pub fn series_in_directory(series: &Series, origin: &Origin) -> Self {
        Self::new(SERIES, format!("{}#{origin}", series_key(series)))
    }

    /// Parses a directory entry's sort key.
    pub fn parse_directory_entry(entry: &str) -> Option<(Series, Origin)> {
        let (series, origin) = entry.rsplit_once('#')?;
        Some((parse_series_key(series)?, origin.parse().ok()?))
    }

    /// Parses an open hour's sort key.
    pub fn parse_series(sk: &str) -> Option<Series> {
        parse_series_key(sk)
    }

    /// Sort key prefix of the directory entries that match the given parts. A part is ignored if
    /// one before it is `None`.
    pub fn series_prefix(
        account: Option<AccountId>,
        direction: Option<Direction>,
        service: Option<&Label>,
        route: Option<&Label>,
    ) -> String {
        let mut prefix = format!("{}#", account_part(account));
        let Some(direction) = direction else { return prefix };
        prefix += &format!("{direction}#");
        let Some(service) = service else { return prefix };
        prefix += &format!("{}#", escaped(service));
        let Some(route) = route else { return prefix };
        prefix + &format!("{}#", escaped(route))
    }

    /// Number of series that an account has reported so far.
    pub fn series_count(account: AccountId) -> Self {
        Self::new(format!("REPORTED#{account}"), "-")
    }

    /// Marker: the report is counted.
    pub fn report(id: &ReportId) -> Self {
        Self::new(format!("SAMPLE#{}#{}", id.account, id.digest), "-")
    }

    /// A closed hour of a series at an origin.
    pub fn closed_hour(series: &Series, origin: &Origin, hour: Hour) -> Self {
        Self::new(Self::closed(series), format!("H#{origin}#{hour}"))
    }

    /// Daily sum of the closed hours of a series at an origin.
    pub fn day(series: &Series, origin: &Origin, day: Day) -> Self {
        Self::new(Self::closed(series), format!("D#{origin}#{day}"))
    }

    /// Partition of a series' closed hours and days.
    pub fn closed(series: &Series) -> String {
        format!("USAGE#{}", series_key(series))
    }

    pub fn attributes(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk.clone())),
            ("sk".to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

/// The account of an event item, from its partition key in the DynamoDB stream; `None` for other
/// items.
#[must_use]
pub fn account_of_event(partition: &str) -> Option<AccountId> {
    partition.strip_prefix("EVENTS#")?.parse().ok()
}

/// Partition of the open hours that the accounts of a shard reported.
fn pushed(shard: u8) -> String {
    format!("{SERIES}#{}#{shard}", Origin::Pushed)
}

/// Uses the last character of the account id, which holds five of its random bits.
fn push_shard(account: Option<AccountId>) -> u8 {
    account_part(account).bytes().last().unwrap_or_default() % PUSH_SHARDS
}

fn series_key(Series { account, direction, service, route }: &Series) -> String {
    format!("{}#{direction}#{}#{}", account_part(*account), escaped(service), escaped(route))
}

fn parse_series_key(text: &str) -> Option<Series> {
    let mut parts = text.split('#');
    let mut next = || parts.next();
    let (account, direction, service, route) = (next()?, next()?, next()?, next()?);
    let account = if account == NO_ACCOUNT { None } else { Some(account.parse().ok()?) };
    let series = Series {
        account,
        direction: direction.parse().ok()?,
        service: unescaped(service)?,
        route: unescaped(route)?,
    };
    parts.next().is_none().then_some(series)
}

/// Stands for the account in keys of series without one.
const NO_ACCOUNT: &str = "-";

fn account_part(account: Option<AccountId>) -> String {
    account.map_or_else(|| NO_ACCOUNT.to_owned(), |account| account.to_string())
}

/// Escapes `#`, and `%` as the escape character.
fn escaped(label: &Label) -> String {
    label.as_str().replace('%', "%25").replace('#', "%23")
}

fn unescaped(part: &str) -> Option<Label> {
    part.replace("%23", "#").replace("%25", "%").parse().ok()
}

/// Uses the last random byte of the id.
fn shard(job: JobId) -> u8 {
    job.uuid().as_bytes()[15] % SHARDS
}

#[cfg(test)]
mod tests;

//! Every key of the table, built here and nowhere else, so that two things can't share one.
//!
//! Parts are joined by `#`. Ids and names never hold one; whatever else comes from outside is hashed before it becomes a part, or escaped
//! as a label of usage is, or is a whole sort key by itself, as a row's key is.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::{
    id::{AccountId, EventId, JobId, KeyId},
    name::Name,
    push::ConnectionId,
    records::Identifier,
    time::Time,
    usage::{Day, Direction, Hour, Label, Origin, ReportId, Series},
};

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub pk: String,
    pub sk: String,
}

/// Over how many partitions an account's jobs are spread, so that a busy account isn't one hot partition.
pub(super) const SHARDS: u8 = 16;

/// Over how many partitions the counts of processes are spread: each takes a thousand writes a second, and a process makes one.
const RATE_SHARDS: u8 = 4;

/// Over how many partitions totals are spread: each takes a thousand writes a second of a kind, and a worker makes one a batch.
const COUNTER_SHARDS: u8 = 4;

/// Over how many partitions an hour of the due list is spread: each takes a thousand writes a second, and the gateway lets through 5,000
/// requests a second.
pub const DUE_SHARDS: u8 = 8;

/// How far the minute's check came with what it does in parts.
pub(super) const CURSORS: &str = "CURSORS";

/// Over how many partitions accounts are spread by what they report: each takes a thousand write
/// units a second, and a report is a transaction, which takes two. A check queries each every
/// minute.
const PUSH_SHARDS: u8 = 8;

/// All kinds.
pub(super) const KINDS: &str = "KINDS";
/// All quotas.
pub(super) const QUOTAS: &str = "QUOTAS";
/// How all quotas stand.
pub(super) const QUOTA_STATES: &str = "QUOTA_STATES";
/// All schedules.
pub(super) const SCHEDULES: &str = "SCHEDULES";
/// All sources of usage.
pub(super) const SOURCES: &str = "SOURCES";
/// How the collection of each source goes.
pub(super) const SOURCE_STATES: &str = "SOURCE_STATES";
/// Which series of usage there are, and where each is counted.
pub(super) const SERIES: &str = "SERIES";
/// The index that orders the jobs of `lifo` and `priority` kinds.
pub(super) const AGENDA: &str = "agenda";
/// All accounts, for listing them.
pub(super) const ACCOUNTS: &str = "ACCOUNTS";

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub fn account(account: AccountId) -> Self {
        Self::new(format!("ACCOUNT#{account}"), "PROFILE")
    }

    pub fn account_in_directory(account: AccountId) -> Self {
        Self::new(ACCOUNTS, account.to_string())
    }

    pub fn api_key(account: AccountId, key: KeyId) -> Self {
        Self::new(format!("ACCOUNT#{account}"), format!("KEY#{key}"))
    }

    /// Before the first of an account's keys.
    pub fn api_keys(account: AccountId) -> Self {
        Self::new(format!("ACCOUNT#{account}"), "KEY#")
    }

    /// A thing that operators name, such as one of [`KINDS`].
    pub fn named(partition: &'static str, name: &Name) -> Self {
        Self::new(partition, name.as_str())
    }

    /// That a thing which operators name is, or was, an account's.
    pub fn in_directory(partition: &'static str, account: AccountId, name: &Name) -> Self {
        Self::new(Self::directory(partition, account), name.as_str())
    }

    /// The directory of an account's things of a partition, such as [`SCHEDULES`].
    pub fn directory(partition: &'static str, account: AccountId) -> String {
        format!("{partition}#{account}")
    }

    pub fn job(account: AccountId, job: JobId) -> Self {
        Self::new(Self::jobs(account, shard(job)), job.to_string())
    }

    /// The partition of the index `agenda` that orders an account's jobs of a kind.
    pub fn agenda(account: AccountId, kind: &Name) -> String {
        format!("{account}#{kind}")
    }

    /// Whose jobs of which kind a partition of the index `agenda` orders.
    pub fn of_agenda(partition: &str) -> Option<(AccountId, Name)> {
        let (account, kind) = partition.split_once('#')?;
        Some((account.parse().ok()?, kind.parse().ok()?))
    }

    /// One of an account's partitions of jobs.
    pub fn jobs(account: AccountId, shard: u8) -> String {
        format!("JOBS#{account}#{shard:x}")
    }

    /// A job's entry on the due list.
    pub fn due(due: Time, account: AccountId, job: JobId) -> Self {
        let at = due.millis();
        Self::new(Self::due_hour(at, shard(job) % DUE_SHARDS), format!("{at:013}#{account}#{job}"))
    }

    /// One of the partitions of the due list's hour that holds `millis` since the epoch.
    pub fn due_hour(millis: i64, shard: u8) -> String {
        format!("DUE#{}#{shard:x}", millis.div_euclid(3_600_000))
    }

    /// How far a pass over one shard of the due list came.
    pub fn due_cursor(pass: &str, shard: u8) -> Self {
        Self::new(CURSORS, format!("{pass}#{shard:x}"))
    }

    /// How far the walk over all jobs came.
    pub fn walk() -> Self {
        Self::new(CURSORS, "walk")
    }

    /// A payload that is too large for its job's item. Not beside the job: a list of jobs would read, and pay for, all of them.
    pub fn payload(account: AccountId, job: JobId) -> Self {
        Self::new(format!("BULK#{account}#{job}"), "PAYLOAD")
    }

    /// A result that is too large for its job's item, of the attempt with this claim's token.
    pub fn result(account: AccountId, job: JobId, owner: &str) -> Self {
        Self::new(format!("BULK#{account}#{job}"), format!("RESULT#{owner}"))
    }

    pub fn idempotency(account: AccountId, hash: &str) -> Self {
        Self::new(format!("IDEMPOTENCY#{account}#{hash}"), "-")
    }

    /// How long an account's jobs of a kind took in the hour of `time`.
    pub fn pace(account: AccountId, kind: &Name, time: Time) -> Self {
        let hour = time.to_string();
        Self::new(
            format!("COUNTERS#{account}"),
            format!("PACE#{kind}#{}", &hour[..hour.len().min(13)]),
        )
    }

    /// One of the slots in which an account's jobs run, where it has a cap.
    pub fn slot(account: AccountId, number: u32) -> Self {
        Self::new(Self::slots(account), format!("{number:05}"))
    }

    /// All slots of an account.
    pub fn slots(account: AccountId) -> String {
        format!("SLOTS#{account}")
    }

    /// One of the slots of requests that wait. Each is a partition of its own, so that none is hot.
    pub fn wait_slot(number: u32) -> Self {
        Self::new(format!("WAIT#{number}"), "-")
    }

    /// One of an account's events.
    pub fn event(account: AccountId, event: &EventId) -> Self {
        Self::new(Self::events(account), event.to_string())
    }

    /// The partition of an account's events, in their order.
    pub fn events(account: AccountId) -> String {
        format!("EVENTS#{account}")
    }

    /// A ticket for a connection, by its digest.
    pub fn ticket(digest: &str) -> Self {
        Self::new(format!("TICKET#{digest}"), "-")
    }

    /// A connection over which events are pushed, by the id that the gateway gave it.
    pub fn connection(id: &ConnectionId) -> Self {
        Self::new(format!("CONNECTION#{id}"), "-")
    }

    /// That a connection subscribes to an account.
    pub fn subscription(account: AccountId, connection: &ConnectionId) -> Self {
        Self::new(Self::subscriptions(account), connection.as_str())
    }

    /// All that subscribe to an account.
    pub fn subscriptions(account: AccountId) -> String {
        format!("SUBSCRIBERS#{account}")
    }

    /// What a process accepted in a minute, counted since the epoch.
    pub fn rate(minute: i64, process: Uuid) -> Self {
        let shard = process.as_bytes()[0] % RATE_SHARDS;
        Self::new(format!("RATE#{minute}#{shard:x}"), process.simple().to_string())
    }

    /// The partitions of what all processes accepted in a minute.
    pub fn rates(minute: i64) -> Vec<String> {
        (0..RATE_SHARDS).map(|shard| format!("RATE#{minute}#{shard:x}")).collect()
    }

    /// Where a process adds to the totals of a topic, and of what names it. No account's id is a single character, so that no pace is among them.
    pub fn counters(process: Uuid, topic: &str, name: &str) -> Self {
        let shard = process.as_bytes()[0] % COUNTER_SHARDS;
        Self::new(format!("COUNTERS#{shard:x}"), format!("{topic}#{name}"))
    }

    /// The partitions of all totals.
    pub fn counter_shards() -> Vec<String> {
        (0..COUNTER_SHARDS).map(|shard| format!("COUNTERS#{shard:x}")).collect()
    }

    /// One of an account's rows; `key` is not empty and has at most 512 bytes.
    pub fn row(account: AccountId, table: &Identifier, key: &str) -> Self {
        Self::new(Self::rows(account, table), key)
    }

    /// The partition of a table's rows.
    pub fn rows(account: AccountId, table: &Identifier) -> String {
        format!("TABLE#{account}#{table}")
    }

    /// That a job's changes were applied to rows.
    pub fn applied(account: AccountId, job: JobId) -> Self {
        Self::new(format!("APPLIED#{account}#{job}"), "-")
    }

    /// What is counted of a series at one origin in its current hour, and in all.
    pub fn head(series: &Series, origin: &Origin) -> Self {
        let partition = match origin {
            Origin::Pushed => pushed(push_shard(series.account)),
            origin => format!("{SERIES}#{origin}"),
        };
        Self::new(partition, parts(series))
    }

    /// The partitions of all heads at one origin.
    pub fn heads(origin: &Origin) -> Vec<String> {
        match origin {
            Origin::Pushed => (0..PUSH_SHARDS).map(pushed).collect(),
            origin => vec![format!("{SERIES}#{origin}")],
        }
    }

    /// At which origin the heads of a partition are.
    pub fn of_heads(partition: &str) -> Option<Origin> {
        partition.split('#').nth(1)?.parse().ok()
    }

    /// That a series is counted at an origin.
    pub fn series_in_directory(series: &Series, origin: &Origin) -> Self {
        Self::new(SERIES, format!("{}#{origin}", parts(series)))
    }

    /// Of which series an entry of the directory tells, and of which origin.
    pub fn of_series(entry: &str) -> Option<(Series, Origin)> {
        let (series, origin) = entry.rsplit_once('#')?;
        Some((of_parts(series)?, origin.parse().ok()?))
    }

    /// Of which series a head is, by its sort key.
    pub fn of_head(sk: &str) -> Option<Series> {
        of_parts(sk)
    }

    /// How the sort keys of the directory's entries begin for all series of an account, of one direction if that is given, of one service if
    /// that is given too, and so on.
    pub fn series_prefix(
        account: Option<AccountId>,
        direction: Option<Direction>,
        service: Option<&Label>,
        route: Option<&Label>,
    ) -> String {
        let mut prefix = format!("{}#", owner(account));
        let Some(direction) = direction else { return prefix };
        prefix += &format!("{direction}#");
        let Some(service) = service else { return prefix };
        prefix += &format!("{}#", escaped(service));
        let Some(route) = route else { return prefix };
        prefix + &format!("{}#", escaped(route))
    }

    /// How many series an account began to report.
    pub fn reported(account: AccountId) -> Self {
        Self::new(format!("REPORTED#{account}"), "-")
    }

    /// That a report was counted.
    pub fn report(id: &ReportId) -> Self {
        Self::new(format!("SAMPLE#{}#{}", id.account, id.digest), "-")
    }

    /// A closed hour of a series at an origin.
    pub fn closed_hour(series: &Series, origin: &Origin, hour: Hour) -> Self {
        Self::new(Self::closed(series), format!("H#{origin}#{hour}"))
    }

    /// What the closed hours of a day come to, of a series at an origin.
    pub fn day(series: &Series, origin: &Origin, day: Day) -> Self {
        Self::new(Self::closed(series), format!("D#{origin}#{day}"))
    }

    /// The partition of a series' closed hours and days.
    pub fn closed(series: &Series) -> String {
        format!("USAGE#{}", parts(series))
    }

    /// As the SDK takes it.
    pub fn attributes(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk.clone())),
            ("sk".to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

/// Whose event an item is, by its partition as the table's stream shows it; `None` if it is something else.
#[must_use]
pub fn account_of_event(partition: &str) -> Option<AccountId> {
    partition.strip_prefix("EVENTS#")?.parse().ok()
}

/// The partition of the heads of what the accounts of a shard reported.
fn pushed(shard: u8) -> String {
    format!("{SERIES}#{}#{shard}", Origin::Pushed)
}

/// By the last character of an account's id, which holds five of its random bits.
fn push_shard(account: Option<AccountId>) -> u8 {
    owner(account).bytes().last().unwrap_or_default() % PUSH_SHARDS
}

/// What a series is made of, in a row.
fn parts(Series { account, direction, service, route }: &Series) -> String {
    format!("{}#{direction}#{}#{}", owner(*account), escaped(service), escaped(route))
}

fn of_parts(text: &str) -> Option<Series> {
    let mut parts = text.split('#');
    let mut next = || parts.next();
    let (account, direction, service, route) = (next()?, next()?, next()?, next()?);
    let account = if account == NOBODY { None } else { Some(account.parse().ok()?) };
    let series = Series {
        account,
        direction: direction.parse().ok()?,
        service: plain(service)?,
        route: plain(route)?,
    };
    parts.next().is_none().then_some(series)
}

/// In the place of an account, where there is none.
const NOBODY: &str = "-";

fn owner(account: Option<AccountId>) -> String {
    account.map_or_else(|| NOBODY.to_owned(), |account| account.to_string())
}

/// A label as a part of a key, in which no `#` is left.
fn escaped(label: &Label) -> String {
    label.as_str().replace('%', "%25").replace('#', "%23")
}

fn plain(part: &str) -> Option<Label> {
    part.replace("%23", "#").replace("%25", "%").parse().ok()
}

/// The last of an id's random bits.
fn shard(job: JobId) -> u8 {
    job.uuid().as_bytes()[15] % SHARDS
}

#[cfg(test)]
mod tests;

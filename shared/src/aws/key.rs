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
        Self::new(format!("COUNTERS#{account}"), format!("PACE#{kind}#{}", &hour[..hour.len().min(13)]))
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

    /// What a process read off its meter for the `number`th time, in a minute that is given by its begin.
    pub fn reading(minute: Time, process: Uuid, number: u64) -> Self {
        Self::new(Self::readings(minute), format!("{}#{number:08x}", process.simple()))
    }

    /// The partition of what all processes read off their meters in a minute.
    pub fn readings(minute: Time) -> String {
        format!("METER#{}", minute.millis().div_euclid(60_000))
    }

    /// Up to when those are collected. Not beside them: whoever may write a reading may not write this.
    pub fn collected() -> Self {
        Self::new("METERED", "-")
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
        Self::new(Self::heads(origin), parts(series))
    }

    /// The partition of all heads at one origin.
    pub fn heads(origin: &Origin) -> String {
        format!("{SERIES}#{origin}")
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
mod tests {
    use super::*;
    use crate::id::mint;
    use proptest::prelude::*;

    #[test]
    fn no_two_things_share_a_key() {
        let now = Time::from_millis(1_763_654_400_000);
        let (account, job, key) = (mint(now, [1; 10]), mint(now, [2; 10]), mint(now, [3; 10]));
        let series = Series {
            account: Some(account),
            direction: Direction::Egress,
            service: "a#b".parse().unwrap(),
            route: "c%23".parse().unwrap(),
        };
        let keys = [
            Key::account(account),
            Key::account_in_directory(account),
            Key::api_key(account, key),
            Key::named(KINDS, &"echo".parse().unwrap()),
            Key::named(SCHEDULES, &"echo".parse().unwrap()),
            Key::in_directory(SCHEDULES, account, &"echo".parse().unwrap()),
            Key::named(QUOTAS, &"echo".parse().unwrap()),
            Key::in_directory(QUOTAS, account, &"echo".parse().unwrap()),
            Key::named(QUOTA_STATES, &"echo".parse().unwrap()),
            Key::job(account, job),
            Key::payload(account, job),
            Key::result(account, job, "owner"),
            Key::idempotency(account, "abc"),
            Key::pace(account, &"echo".parse().unwrap(), now),
            Key::row(account, &"users".parse().unwrap(), "a#b"),
            Key::applied(account, job),
            Key::slot(account, 7),
            Key::wait_slot(7),
            Key::event(account, &mint(now, [4; 10])),
            Key::ticket("abc"),
            Key::connection(&"L0SM9cOFvHcCIhw=".parse().unwrap()),
            Key::subscription(account, &"L0SM9cOFvHcCIhw=".parse().unwrap()),
            Key::rate(29_394_240, Uuid::from_u128(7)),
            Key::reading(now, Uuid::from_u128(7), 255),
            Key::collected(),
            Key::named(SOURCES, &"echo".parse().unwrap()),
            Key::named(SOURCE_STATES, &"echo".parse().unwrap()),
            Key::head(&series, &Origin::Pushed),
            Key::series_in_directory(&series, &Origin::Source("kong".parse().unwrap())),
            Key::closed_hour(&series, &Origin::Pushed, Hour::of(now)),
            Key::day(&series, &Origin::Pushed, Day::of(now)),
            Key::report(&ReportId { account, digest: "abc".to_owned() }),
            Key::reported(account),
        ];
        let shown: Vec<_> = keys.iter().map(|key| format!("{} | {}", key.pk, key.sk)).collect();
        insta::assert_snapshot!(shown.join("\n"), @"
        ACCOUNT#acc_01kagzwy00e40r2081040g2081 | PROFILE
        ACCOUNTS | acc_01kagzwy00e40r2081040g2081
        ACCOUNT#acc_01kagzwy00e40r2081040g2081 | KEY#key_01kagzwy00ec1r60r30c1g60r3
        KINDS | echo
        SCHEDULES | echo
        SCHEDULES#acc_01kagzwy00e40r2081040g2081 | echo
        QUOTAS | echo
        QUOTAS#acc_01kagzwy00e40r2081040g2081 | echo
        QUOTA_STATES | echo
        JOBS#acc_01kagzwy00e40r2081040g2081#2 | job_01kagzwy00e81840g2081040g2
        BULK#acc_01kagzwy00e40r2081040g2081#job_01kagzwy00e81840g2081040g2 | PAYLOAD
        BULK#acc_01kagzwy00e40r2081040g2081#job_01kagzwy00e81840g2081040g2 | RESULT#owner
        IDEMPOTENCY#acc_01kagzwy00e40r2081040g2081#abc | -
        COUNTERS#acc_01kagzwy00e40r2081040g2081 | PACE#echo#2025-11-20T16
        TABLE#acc_01kagzwy00e40r2081040g2081#users | a#b
        APPLIED#acc_01kagzwy00e40r2081040g2081#job_01kagzwy00e81840g2081040g2 | -
        SLOTS#acc_01kagzwy00e40r2081040g2081 | 00007
        WAIT#7 | -
        EVENTS#acc_01kagzwy00e40r2081040g2081 | evt_01kagzwy00eg2881040g208104
        TICKET#abc | -
        CONNECTION#L0SM9cOFvHcCIhw= | -
        SUBSCRIBERS#acc_01kagzwy00e40r2081040g2081 | L0SM9cOFvHcCIhw=
        RATE#29394240#0 | 00000000000000000000000000000007
        METER#29394240 | 00000000000000000000000000000007#000000ff
        METERED | -
        SOURCES | echo
        SOURCE_STATES | echo
        SERIES#-push | acc_01kagzwy00e40r2081040g2081#egress#a%23b#c%2523
        SERIES | acc_01kagzwy00e40r2081040g2081#egress#a%23b#c%2523#kong
        USAGE#acc_01kagzwy00e40r2081040g2081#egress#a%23b#c%2523 | H#-push#2025-11-20T16
        USAGE#acc_01kagzwy00e40r2081040g2081#egress#a%23b#c%2523 | D#-push#2025-11-20
        SAMPLE#acc_01kagzwy00e40r2081040g2081#abc | -
        REPORTED#acc_01kagzwy00e40r2081040g2081 | -
        ");
    }

    proptest! {
        #[test]
        fn a_series_is_read_as_it_was_written(
            account: Option<[u8; 10]>, out: bool, service in "[#%23a/5 ]{0,12}|\\PC{0,30}", route in "[#%23a/5 ]{0,12}",
        ) {
            let account = account.map(|entropy| mint(Time::from_millis(7), entropy));
            let direction = if out { Direction::Egress } else { Direction::Ingress };
            let series = Series { account, direction, service: service.parse().unwrap(), route: route.parse().unwrap() };
            for origin in [Origin::Pushed, Origin::Own, Origin::Source("kong-2.eu".parse().unwrap())] {
                let entry = Key::series_in_directory(&series, &origin).sk;
                prop_assert_eq!(Key::of_series(&entry), Some((series.clone(), origin.clone())));
                prop_assert_eq!(Key::of_head(&Key::head(&series, &origin).sk), Some(series.clone()));
                let prefix = Key::series_prefix(account, Some(direction), Some(&series.service), Some(&series.route));
                prop_assert!(entry.starts_with(&prefix) && entry[prefix.len()..] == origin.to_string());
            }
        }
    }

    #[test]
    fn the_longest_series_fits_into_a_key() {
        let label: Label = "#".repeat(Label::MAX_BYTES).parse().unwrap();
        let account = Some(mint(Time::from_millis(7), [7; 10]));
        let series = Series { account, direction: Direction::Ingress, service: label.clone(), route: label };
        let origin = Origin::Source("s".repeat(64).parse().unwrap());
        assert!(Key::series_in_directory(&series, &origin).sk.len() <= 1024);
    }

    #[test]
    fn an_agenda_is_read_as_it_was_written() {
        let (account, kind) = (mint(Time::from_millis(1), [1; 10]), "a.b-c_d".parse().unwrap());
        assert_eq!(Key::of_agenda(&Key::agenda(account, &kind)), Some((account, kind)));
        for none in
            ["", "#", "acc_01kagzwy00e40r2081040g2081", "acc_01kagzwy00e40r2081040g2081#", "x#echo", "#echo"]
        {
            assert_eq!(Key::of_agenda(none), None, "{none}");
        }
    }
}

//! Pushed usage, deduplicated by report id.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    UsageStore, open_hour,
    transaction::{Expression, FailedConditions, Transaction},
};
use crate::{
    Error,
    key::Key,
    table::{Item, number, seconds},
};
use model::{
    id::AccountId,
    time::Time,
    usage::{Hour, MAX_SERIES, OpenHour, Origin, Report, Series},
};

/// How long report ids are remembered.
const REPORT_ID_TTL: Duration = Duration::from_secs(2 * 86400);
/// Retention of an account's series count; equals that of an unused series.
const SERIES_COUNT_TTL: Duration = open_hour::DAYS_KEPT;
/// Reports per transaction. Each is one write, and its series adds up to eight. These are the open
/// hour, the directory entry, closed hours and their days, and the series count if it is new.
/// DynamoDB allows 100.
const REPORTS_PER_TRANSACTION: usize = 11;
/// Tries per transaction, since concurrent writers may conflict.
const MAX_TRIES: u32 = 6;
const RETRY_DELAY: Duration = Duration::from_millis(25);

/// Result of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushResult {
    /// Counted by this call.
    Counted,
    /// Counted earlier: same source and report id.
    Duplicate,
    /// Not counted: its series would be new, and the account has reached its limit.
    TooManySeries,
}

/// New series of an account within a transaction.
struct NewSeries {
    account: AccountId,
    series: Vec<Series>,
}

impl UsageStore {
    /// Counts reports, each once within two days. Results are in the order of the reports. A report
    /// that failed may be sent again.
    ///
    /// A report for an hour that is closed for its series counts in that hour. One report costs
    /// four write units; `n` reports of one series in one call cost `2n + 2`. The first report of a
    /// series costs four more, for the directory entry and the account's series count.
    pub async fn push(&self, reports: &[Report], now: Time) -> Vec<Result<PushResult, Error>> {
        let mut order: Vec<usize> = (0..reports.len()).collect();
        order.sort_by(|a, b| reports[*a].series.cmp(&reports[*b].series));
        let mut answers: Vec<_> = reports.iter().map(|_| Ok(PushResult::Duplicate)).collect();
        let mut known = BTreeSet::new();
        // Of duplicates within a request, the first counts.
        let first: Vec<_> =
            order.into_iter().filter(|nth| known.insert(&reports[*nth].id)).collect();
        for some in first.chunks(REPORTS_PER_TRANSACTION) {
            let together: Vec<_> = some.iter().map(|nth| &reports[*nth]).collect();
            match self.push_together(&together, now).await {
                Ok(pushed) => {
                    some.iter().zip(pushed).for_each(|(nth, pushed)| answers[*nth] = Ok(pushed))
                }
                Err(error) => {
                    let text = error.to_string();
                    some.iter()
                        .for_each(|nth| answers[*nth] = Err(Error::Unavailable(text.clone())));
                }
            }
        }
        answers
    }

    async fn push_together(
        &self,
        reports: &[&Report],
        now: Time,
    ) -> Result<Vec<PushResult>, Error> {
        let mut pushed = vec![PushResult::Counted; reports.len()];
        let mut last = Error::Unavailable("concurrent writes to the same series".into());
        for attempt in 0..MAX_TRIES {
            tokio::time::sleep(RETRY_DELAY * attempt).await;
            let left: Vec<_> =
                (0..reports.len()).filter(|nth| pushed[*nth] == PushResult::Counted).collect();
            if left.is_empty() {
                return Ok(pushed);
            }
            let some: Vec<_> = left.iter().map(|nth| reports[*nth]).collect();
            let (transaction, begun) = self.transaction(&some, now).await?;
            match transaction.send(&self.table.client).await {
                Ok(Ok(())) => return Ok(pushed),
                // The order of writes is: report ids, series counts of accounts, then items of the
                // series. A refused write of the last group means that an open hour changed.
                Ok(Err(FailedConditions(which))) => {
                    for nth in which {
                        if let Some(nth) = left.get(nth) {
                            pushed[*nth] = PushResult::Duplicate;
                        } else if let Some(NewSeries { account, series }) =
                            begun.get(nth - left.len())
                        {
                            let room = self.remaining_series(*account).await?;
                            let refused = &series[room.min(series.len())..];
                            let of_refused =
                                left.iter().filter(|nth| refused.contains(&reports[**nth].series));
                            of_refused.for_each(|nth| pushed[*nth] = PushResult::TooManySeries);
                        }
                    }
                }
                Err(error @ Error::Unavailable(_)) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// How many more series an account may create.
    async fn remaining_series(&self, account: AccountId) -> Result<usize, Error> {
        let item = self.table.get(&Key::series_count(account), true).await?.unwrap_or_default();
        let begun = open_hour::read_number(&item, "begun").unwrap_or_default();
        Ok(MAX_SERIES.saturating_sub(usize::try_from(begun).unwrap_or(usize::MAX)))
    }

    async fn transaction(
        &self,
        reports: &[&Report],
        now: Time,
    ) -> Result<(Transaction<'_>, Vec<NewSeries>), Error> {
        let mut transaction = Transaction::new(&self.table.name);
        for report in reports {
            let unknown = "attribute_not_exists(pk) OR expires_at < :now";
            let unknown = Expression::new(unknown).with(":now", seconds(now));
            let record = Item::from([("expires_at".to_owned(), seconds(now + REPORT_ID_TTL))]);
            transaction.put(&Key::report(&report.id), record, Some(unknown))?;
        }
        let mut by_series: BTreeMap<&Series, Vec<&Report>> = BTreeMap::new();
        for report in reports {
            by_series.entry(&report.series).or_default().push(report);
        }
        let wanted: Vec<_> =
            by_series.keys().map(|series| Key::open_hour(series, &Origin::Pushed)).collect();
        let heads = self.batch_get_open_hours(&wanted, true).await?;
        let new =
            by_series.keys().filter(|series| !heads.iter().any(|head| head.series == ***series));
        let mut begun: Vec<NewSeries> = Vec::new();
        for (account, series) in new.filter_map(|series| Some((series.account?, (*series).clone())))
        {
            match begun.last_mut().filter(|begun| begun.account == account) {
                Some(begun) => begun.series.push(series),
                None => begun.push(NewSeries { account, series: vec![series] }),
            }
        }
        for begun in &begun {
            begun.record(&mut transaction, now)?;
        }
        for (series, mut reports) in by_series {
            reports.sort_by_key(|report| report.at);
            let head = heads.iter().find(|head| head.series == *series);
            self.add(&mut transaction, series, head, &reports)?;
        }
        Ok((transaction, begun))
    }

    /// Adds reports of a series, sorted by time.
    fn add(
        &self,
        transaction: &mut Transaction<'_>,
        series: &Series,
        head: Option<&OpenHour>,
        reports: &[&Report],
    ) -> Result<(), Error> {
        let Some(oldest) = reports.first() else { return Ok(()) };
        let counted =
            |reports: &[&Report]| reports.iter().map(|r| (r.at, r.bytes)).collect::<Vec<_>>();
        let (key, entry) = (
            Key::open_hour(series, &Origin::Pushed),
            Key::series_in_directory(series, &Origin::Pushed),
        );
        let Some(head) = head else {
            let first = OpenHour::new(series.clone(), Origin::Pushed, Hour::of(oldest.at));
            let advance = first.advance(&counted(reports), None);
            let new = Expression::new("attribute_not_exists(pk)");
            transaction.put(&key, open_hour::write(&advance.head), Some(new))?;
            transaction.put(&entry, open_hour::write_entry(&advance.head), None)?;
            return self.add_closed(transaction, &advance, &[], first.total);
        };
        let (late, timely) =
            reports.split_at(reports.partition_point(|report| Hour::of(report.at) < head.hour));
        let late_bytes = late.iter().fold(0u64, |sum, report| sum.saturating_add(report.bytes));
        let later = OpenHour { total: head.total.saturating_add(late_bytes), ..head.clone() };
        let advance = later.advance(&counted(timely), None);
        if advance.closed.is_empty() && advance.head.hour == head.hour {
            transaction.update(
                &key,
                additive_update(head, &advance.head),
                Some("in_hour = :hour"),
            )?;
        } else {
            let unchanged = Expression::new("version = :read").with(":read", number(head.version));
            transaction.put(&key, open_hour::write(&advance.head), Some(unchanged))?;
            if head.hour.day() != advance.head.hour.day() {
                transaction.put(&entry, open_hour::write_entry(&advance.head), None)?;
            }
        }
        self.add_closed(transaction, &advance, &counted(late), head.total_at_start())
    }
}

impl NewSeries {
    /// Adds to the account's series count, on condition that the limit is kept.
    fn record(&self, transaction: &mut Transaction<'_>, now: Time) -> Result<(), Error> {
        let mut change = Expression::new("SET expires_at = if_not_exists(expires_at, :gone)")
            .with(":gone", seconds(now + SERIES_COUNT_TTL))
            .with(":room", number(MAX_SERIES.saturating_sub(self.series.len())));
        change.add([("begun".to_owned(), u64::try_from(self.series.len()).unwrap_or(u64::MAX))]);
        let fits = "attribute_not_exists(begun) OR begun <= :room";
        transaction.update(&Key::series_count(self.account), change, Some(fits))
    }
}

/// Update from one state of an open hour to another; it commutes with concurrent additions.
fn additive_update(before: &OpenHour, after: &OpenHour) -> Expression {
    let grown = before.minutes.0.iter().zip(&after.minutes.0).enumerate();
    let grown = grown.filter(|(_, (before, after))| before != after);
    let minutes = grown.map(|(nth, (before, after))| {
        (open_hour::minute(nth), after.unwrap_or_default() - before.unwrap_or_default())
    });
    let rest = [("counted".to_owned(), after.total - before.total), ("version".to_owned(), 1)];
    let mut change = Expression::new("").with(":hour", crate::table::text(before.hour.to_string()));
    change.add(minutes.chain(rest));
    change
}

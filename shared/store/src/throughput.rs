use std::{collections::BTreeMap, fmt, time::Duration};

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Error, Table,
    key::Key,
    table::{parse_item, text},
    write_behind::{Accumulator, FlushPolicy, WriteBehind},
};
use model::time::Time;
use runtime::clock::Clock;

/// Retention of counts.
const KEPT: Duration = Duration::from_secs(3600);
/// Averaging window in seconds.
const WINDOW: i64 = 10;
/// Delay of the rate in seconds: clocks differ by 2 s, a flush takes up to 2 s, plus a margin of 1
/// s.
const DELAY: i64 = 5;

/// Counts accepted events and jobs per process.
///
/// A process stores its counts per second of a minute in its own item and replaces it as they grow.
/// A write repeated after a lost response therefore counts nothing twice.
#[derive(Clone)]
pub struct Throughput(WriteBehind<PendingCounts>);

/// Storage of a process' counts.
pub(super) struct ThroughputStore {
    table: Table,
    process: Uuid,
}

#[derive(Default)]
pub(super) struct PendingCounts(BTreeMap<i64, MinuteCounts>);

/// Counts per second of a minute.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct MinuteCounts {
    events: Vec<u32>,
    jobs: Vec<u32>,
    /// TTL, in seconds.
    expires_at: i64,
    /// Number of count operations.
    #[serde(skip)]
    counted: u64,
    /// The value of `counted` at the last successful write. An aborted write leaves it unchanged.
    #[serde(skip)]
    written: u64,
}

/// Accepted events and jobs per second, over all processes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub events: f64,
    pub jobs: f64,
    /// Averaging window.
    pub window: Duration,
}

impl Accumulator for PendingCounts {
    type Store = ThroughputStore;
    /// The start minute and its counts.
    type Write = (i64, MinuteCounts);
    type Outcome = Result<(), Error>;

    const NOUN: &'static str = "throughput counts";
    const POLICY: FlushPolicy = {
        let second = Duration::from_secs(1);
        FlushPolicy { interval: second, retry_interval: second }
    };

    fn next(&mut self, now: Time) -> Option<Self::Write> {
        let current = now.millis().div_euclid(60_000);
        self.0.retain(|minute, counts| counts.is_unwritten() || *minute >= current);
        let (minute, counts) = self.0.iter().find(|(_, counts)| counts.is_unwritten())?;
        Some((*minute, counts.clone()))
    }

    async fn write(store: &ThroughputStore, (minute, counts): &Self::Write) -> Result<(), Error> {
        store.table.put(&Key::rate(*minute, store.process), counts).await
    }

    fn written(
        &mut self,
        (minute, written): Self::Write,
        outcome: Result<(), Error>,
    ) -> Result<(), Error> {
        outcome?;
        if let Some(counts) = self.0.get_mut(&minute) {
            counts.written = written.counted;
        }
        Ok(())
    }
}

impl Throughput {
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self(WriteBehind::new(ThroughputStore { table, process: Uuid::new_v4() }, clock))
    }

    pub fn count_event(&self) {
        self.count(|minute| &mut minute.events, 1);
    }

    pub fn count_jobs(&self, number: usize) {
        self.count(|minute| &mut minute.jobs, u32::try_from(number).unwrap_or(u32::MAX));
    }

    fn count(&self, what: impl Fn(&mut MinuteCounts) -> &mut Vec<u32>, number: u32) {
        if number == 0 {
            return;
        }
        let second = self.0.clock().now().millis().div_euclid(1000);
        self.0.count(|counted| {
            let minute =
                counted.0.entry(second.div_euclid(60)).or_insert_with(|| MinuteCounts::new(second));
            minute.counted += 1;
            let at = usize::try_from(second.rem_euclid(60)).unwrap_or_default();
            if let Some(count) = what(minute).get_mut(at) {
                *count = count.saturating_add(number);
            }
        });
    }

    /// Writes all counts: one write unit per minute with new counts. Failed writes are kept.
    pub async fn flush(&self) {
        self.0.flush().await;
    }

    /// Flushes unless the last write was within the last second.
    pub async fn flush_if_due(&self) {
        self.0.flush_if_due().await;
    }

    /// Returns the mean rate of all processes over the last window that all of them have written.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn read(&self) -> Result<Rate, Error> {
        let end = self.0.clock().now().millis().div_euclid(1000) - DELAY;
        let (first, last) = ((end - WINDOW).div_euclid(60), (end - 1).div_euclid(60));
        let partitions = (first..=last).flat_map(|minute| {
            Key::rates(minute).into_iter().map(move |partition| (minute, partition))
        });
        let read = partitions.map(async |(minute, partition)| {
            let minutes = self.minutes(partition).await?;
            let seconds = (minute * 60).max(end - WINDOW)..(minute * 60 + 60).min(end);
            let sum = |counts: &[u32]| -> u64 {
                let at = |second: i64| usize::try_from(second.rem_euclid(60)).unwrap_or_default();
                seconds
                    .clone()
                    .filter_map(|second| counts.get(at(second)))
                    .map(|n| u64::from(*n))
                    .sum()
            };
            let sums = minutes.iter().map(|minute| (sum(&minute.events), sum(&minute.jobs)));
            Ok::<_, Error>(sums.fold((0, 0), |(a, b), (c, d)| (a + c, b + d)))
        });
        let sums = try_join_all(read).await?;
        let (events, jobs) = sums.into_iter().fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        #[expect(clippy::cast_precision_loss, reason = "counts of some seconds")]
        let mean = |count: u64| count as f64 / WINDOW as f64;
        Ok(Rate {
            events: mean(events),
            jobs: mean(jobs),
            window: Duration::from_secs(WINDOW.unsigned_abs()),
        })
    }

    async fn minutes(&self, partition: String) -> Result<Vec<MinuteCounts>, Error> {
        let table = &self.0.store().table;
        let call = table.client.query().table_name(&table.name).consistent_read(true);
        let mut items = call
            .key_condition_expression("pk = :rates")
            .expression_attribute_values(":rates", text(partition))
            .into_paginator()
            .items()
            .send();
        let mut minutes = Vec::new();
        while let Some(item) = items.next().await {
            minutes.push(parse_item("a count", item.map_err(|e| Error::of("Query", &e))?)?);
        }
        Ok(minutes)
    }
}

impl MinuteCounts {
    fn new(second: i64) -> Self {
        let expires_at = (Time::from_seconds(second) + KEPT).seconds_ceil();
        Self { events: vec![0; 60], jobs: vec![0; 60], expires_at, counted: 0, written: 0 }
    }

    const fn is_unwritten(&self) -> bool {
        self.counted != self.written
    }
}

impl fmt::Debug for Throughput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rates({})", self.0.store().process)
    }
}

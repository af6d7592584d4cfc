use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Error, Table,
    key::Key,
    table::{content, text},
};
use crate::{clock::Clock, time::Time};

/// How often a process writes at most.
const APART: Duration = Duration::from_secs(1);
/// How long counts are kept.
const KEPT: Duration = Duration::from_secs(3600);
/// How many seconds a rate is the mean of.
const WINDOW: i64 = 10;
/// How far a rate is behind: clocks differ by 2 s, a second's counts are written within the next two, and a second to spare.
const BEHIND: i64 = 5;

/// How many events and jobs are accepted, counted by each process for itself.
///
/// A process keeps its counts of a minute, by the second, in an item that is its own, and writes it anew when there is more: a write whose
/// answer was lost counts nothing twice. It does so in the background, at most once a second. Lambda may freeze a process before its last
/// counts are written; they are when it is thawed.
#[derive(Clone)]
pub struct Rates(Arc<Inner>);

struct Inner {
    table: Table,
    clock: Clock,
    process: Uuid,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    minutes: BTreeMap<i64, Minute>,
    /// Whether somebody will write what is counted.
    writing: bool,
}

/// What was accepted in each second of a minute.
#[derive(Clone, Serialize, Deserialize)]
struct Minute {
    events: Vec<u32>,
    jobs: Vec<u32>,
    /// TTL, in seconds.
    expires_at: i64,
    #[serde(skip)]
    unwritten: bool,
}

/// How many things are accepted a second, by all processes together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Events.
    pub events: f64,
    /// Jobs.
    pub jobs: f64,
    /// The mean of how many seconds it is.
    pub window: Duration,
}

impl Rates {
    /// The counts of a table, and of this process.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self(Arc::new(Inner { table, clock, process: Uuid::new_v4(), counted: Mutex::default() }))
    }

    /// Counts an event.
    pub fn event(&self) {
        self.count(|minute| &mut minute.events, 1);
    }

    /// Counts jobs.
    pub fn jobs(&self, number: usize) {
        self.count(|minute| &mut minute.jobs, u32::try_from(number).unwrap_or(u32::MAX));
    }

    fn count(&self, what: impl Fn(&mut Minute) -> &mut Vec<u32>, number: u32) {
        if number == 0 {
            return;
        }
        let second = self.0.clock.now().millis().div_euclid(1000);
        let mut counted = self.0.counted();
        let minute = counted.minutes.entry(second.div_euclid(60)).or_insert_with(|| Minute::new(second));
        minute.unwritten = true;
        let at = usize::try_from(second.rem_euclid(60)).unwrap_or_default();
        if let Some(count) = what(minute).get_mut(at) {
            *count = count.saturating_add(number);
        }
        if !counted.writing {
            counted.writing = true;
            tokio::spawn(self.clone().write());
        }
    }

    /// Writes what is counted, a minute a second, until there is nothing left.
    async fn write(self) {
        loop {
            tokio::time::sleep(APART).await;
            let next = {
                let mut counted = self.0.counted();
                let current = self.0.clock.now().millis().div_euclid(60_000);
                counted.minutes.retain(|minute, counts| counts.unwritten || *minute >= current);
                let next = counted.minutes.iter_mut().find(|(_, counts)| counts.unwritten);
                let next = next.map(|(minute, counts)| {
                    counts.unwritten = false;
                    (*minute, counts.clone())
                });
                counted.writing = next.is_some();
                next
            };
            let Some((minute, counts)) = next else { return };
            if let Err(error) = self.0.table.put(&Key::rate(minute, self.0.process), &counts).await {
                tracing::warn!(cause = %error, "how much was accepted could not be recorded yet");
                if let Some(counts) = self.0.counted().minutes.get_mut(&minute) {
                    counts.unwritten = true;
                }
            }
        }
    }

    /// What all processes accepted in the last seconds that all have written.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn read(&self) -> Result<Rate, Error> {
        let end = self.0.clock.now().millis().div_euclid(1000) - BEHIND;
        let (first, last) = ((end - WINDOW).div_euclid(60), (end - 1).div_euclid(60));
        let partitions = (first..=last)
            .flat_map(|minute| Key::rates(minute).into_iter().map(move |partition| (minute, partition)));
        let read = partitions.map(async |(minute, partition)| {
            let minutes = self.minutes(partition).await?;
            let seconds = (minute * 60).max(end - WINDOW)..(minute * 60 + 60).min(end);
            let sum = |counts: &[u32]| -> u64 {
                let at = |second: i64| usize::try_from(second.rem_euclid(60)).unwrap_or_default();
                seconds.clone().filter_map(|second| counts.get(at(second))).map(|n| u64::from(*n)).sum()
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

    async fn minutes(&self, partition: String) -> Result<Vec<Minute>, Error> {
        let table = &self.0.table;
        let call = table.client.query().table_name(&table.name).consistent_read(true);
        let mut items = call
            .key_condition_expression("pk = :rates")
            .expression_attribute_values(":rates", text(partition))
            .into_paginator()
            .items()
            .send();
        let mut minutes = Vec::new();
        while let Some(item) = items.next().await {
            minutes.push(content("a count", item.map_err(|e| Error::of("Query", &e))?)?);
        }
        Ok(minutes)
    }
}

impl Inner {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Minute {
    fn new(second: i64) -> Self {
        let expires_at = (Time::from_seconds(second) + KEPT).seconds_up();
        Self { events: vec![0; 60], jobs: vec![0; 60], expires_at, unwritten: false }
    }
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rates({})", self.0.process)
    }
}

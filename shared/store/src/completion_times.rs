use std::{collections::BTreeMap, fmt, time::Duration};

use futures::future::join_all;

use super::{
    Error, Table,
    cache::Cache,
    key::Key,
    table::{Item, Update, number, seconds},
    write_behind::{Accumulator, FlushPolicy, WriteBehind},
};
use model::{id::AccountId, job::CompletionTimes, name::Name, time::Time};
use runtime::clock::Clock;

/// Cache lifetime of completion times.
const CACHE_TTL: Duration = Duration::from_secs(15);
const HOUR: Duration = Duration::from_secs(3600);

/// Completion times of this worker's jobs. A worker with continuous batches writes them at most
/// every ten seconds. Lost values shift the mean only slightly.
#[derive(Clone)]
pub struct CompletionTimeRecorder(WriteBehind<PendingTimes>);

/// Completion times by account and kind.
#[derive(Default)]
pub(super) struct PendingTimes(BTreeMap<(AccountId, Name), CompletionTimes>);

impl Accumulator for PendingTimes {
    type Store = CompletionTimeStore;
    type Write = (Time, Vec<((AccountId, Name), CompletionTimes)>);
    type Outcome = Vec<Result<(), Error>>;

    const NOUN: &'static str = "completion times";
    const POLICY: FlushPolicy =
        FlushPolicy { interval: Duration::from_secs(10), retry_interval: Duration::from_secs(5) };

    fn next(&mut self, now: Time) -> Option<Self::Write> {
        let taken: Vec<_> = std::mem::take(&mut self.0).into_iter().collect();
        Some((now, taken)).filter(|(_, taken)| !taken.is_empty())
    }

    async fn write(store: &CompletionTimeStore, (now, taken): &Self::Write) -> Self::Outcome {
        let each = taken
            .iter()
            .map(async |((account, kind), pace)| store.add(*account, kind, *pace, *now).await);
        join_all(each).await
    }

    fn written(&mut self, (_, taken): Self::Write, outcome: Self::Outcome) -> Result<(), Error> {
        let mut failed = Ok(());
        for ((of, pace), outcome) in taken.into_iter().zip(outcome) {
            if outcome.is_err() {
                self.add(of, pace);
                failed = outcome;
            }
        }
        failed
    }
}

impl PendingTimes {
    fn add(&mut self, of: (AccountId, Name), pace: CompletionTimes) {
        let taken = self.0.entry(of).or_default();
        *taken = taken.merged(pace);
    }
}

impl CompletionTimeRecorder {
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self(WriteBehind::new(CompletionTimeStore::new(table), clock))
    }

    /// Records completion times of jobs.
    pub fn record(&self, account: AccountId, kind: &Name, pace: CompletionTimes) {
        self.0.count(|taken| taken.add((account, kind.clone()), pace));
    }

    /// Writes the completion times if the flush interval has passed: one write unit per account and
    /// kind.
    pub async fn flush_if_due(&self) {
        self.0.flush_if_due().await;
    }
}

impl fmt::Debug for CompletionTimeRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Paces")
    }
}

/// Completion times by account, kind and hour. They are informational: a lost or duplicate count
/// shifts the mean only slightly.
#[derive(Debug)]
pub struct CompletionTimeStore {
    table: Table,
    known: Cache<(AccountId, Name), CompletionTimes>,
}

impl CompletionTimeStore {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table, known: Cache::new(CACHE_TTL) }
    }

    /// Adds completion times of an account and kind.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn add(
        &self,
        account: AccountId,
        kind: &Name,
        pace: CompletionTimes,
        now: Time,
    ) -> Result<(), Error> {
        let update = Update {
            expression: "SET expires_at = :gone ADD jobs :jobs, took_ms :took".into(),
            values: vec![
                (":gone", seconds(now + 3 * HOUR)),
                (":jobs", number(pace.jobs)),
                (":took", number(pace.total_ms)),
            ],
            ..Update::default()
        };
        self.table.update(&Key::completion_times(account, kind, now), update).await.map(drop)
    }

    /// Returns the completion times of a kind in the current hour, or in the previous one if there
    /// are none. The data is at most 15 s old.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn read(
        &self,
        account: AccountId,
        kind: &Name,
        now: Time,
    ) -> Result<CompletionTimes, Error> {
        let named = (account, kind.clone());
        if let Some(known) = self.known.get(&named, now) {
            return Ok(known);
        }
        let mut item = self.table.get(&Key::completion_times(account, kind, now), false).await?;
        if item.is_none() {
            let hour_ago = Time::from_millis(now.millis() - 3_600_000);
            item = self.table.get(&Key::completion_times(account, kind, hour_ago), false).await?;
        }
        let pace = item.as_ref().map(read).unwrap_or_default();
        self.known.put(named, pace, now);
        Ok(pace)
    }
}

fn read(item: &Item) -> CompletionTimes {
    let number =
        |name: &str| item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or(0);
    CompletionTimes { jobs: number("jobs"), total_ms: number("took_ms") }
}

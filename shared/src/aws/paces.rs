use std::{collections::BTreeMap, fmt, time::Duration};

use futures::future::join_all;

use super::{
    Error, Table,
    cache::Cache,
    key::Key,
    table::{Item, Update, number, seconds},
    write_behind::{Accumulator, FlushPolicy, WriteBehind},
};
use crate::{clock::Clock, id::AccountId, job::Pace, name::Name, time::Time};

/// For how long a pace that was read counts.
const KEEP: Duration = Duration::from_secs(15);
const HOUR: Duration = Duration::from_secs(3600);

/// How long a worker's jobs took, written every ten seconds at most by a worker that has batches all the time. What is lost of it shifts a mean
/// a little.
#[derive(Clone)]
pub struct Paces(WriteBehind<Taken>);

/// What jobs took, by account, kind and when.
#[derive(Default)]
pub(super) struct Taken(BTreeMap<(AccountId, Name), Pace>);

impl Accumulator for Taken {
    type Store = PaceStore;
    type Write = (Time, Vec<((AccountId, Name), Pace)>);
    type Outcome = Vec<Result<(), Error>>;

    const NOUN: &'static str = "how long jobs took";
    const POLICY: FlushPolicy =
        FlushPolicy { apart: Duration::from_secs(10), again: Duration::from_secs(5) };

    fn next(&mut self, now: Time) -> Option<Self::Write> {
        let taken: Vec<_> = std::mem::take(&mut self.0).into_iter().collect();
        Some((now, taken)).filter(|(_, taken)| !taken.is_empty())
    }

    async fn write(store: &PaceStore, (now, taken): &Self::Write) -> Self::Outcome {
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

impl Taken {
    fn add(&mut self, of: (AccountId, Name), pace: Pace) {
        let taken = self.0.entry(of).or_default();
        *taken = taken.and(pace);
    }
}

impl Paces {
    /// What this process takes, for the paces of a table.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self(WriteBehind::new(PaceStore::new(table), clock))
    }

    /// Takes note of what jobs of an account and kind took.
    pub fn note(&self, account: AccountId, kind: &Name, pace: Pace) {
        self.0.count(|taken| taken.add((account, kind.clone()), pace));
    }

    /// Writes what jobs took, if it is time: a write unit for each account and kind.
    pub async fn flush_if_due(&self) {
        self.0.flush_if_due().await;
    }
}

impl fmt::Debug for Paces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Paces")
    }
}

/// How long jobs have taken, by account, kind and hour. For show: a count that is lost or doubled shifts a mean a little.
#[derive(Debug)]
pub struct PaceStore {
    table: Table,
    known: Cache<(AccountId, Name), Pace>,
}

impl PaceStore {
    /// The paces of a table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table, known: Cache::new(KEEP) }
    }

    /// Adds what jobs of one account and kind took.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn add(
        &self,
        account: AccountId,
        kind: &Name,
        pace: Pace,
        now: Time,
    ) -> Result<(), Error> {
        let update = Update {
            expression: "SET expires_at = :gone ADD jobs :jobs, took_ms :took".into(),
            values: vec![
                (":gone", seconds(now + 3 * HOUR)),
                (":jobs", number(pace.jobs)),
                (":took", number(pace.took_ms)),
            ],
            ..Update::default()
        };
        self.table.update(&Key::pace(account, kind, now), update).await.map(drop)
    }

    /// How long jobs of this kind took in this hour, or if there was none in the hour before; at most 15 s old.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn pace(&self, account: AccountId, kind: &Name, now: Time) -> Result<Pace, Error> {
        let named = (account, kind.clone());
        if let Some(known) = self.known.get(&named, now) {
            return Ok(known);
        }
        let mut item = self.table.get(&Key::pace(account, kind, now), false).await?;
        if item.is_none() {
            let hour_ago = Time::from_millis(now.millis() - 3_600_000);
            item = self.table.get(&Key::pace(account, kind, hour_ago), false).await?;
        }
        let pace = item.as_ref().map(read).unwrap_or_default();
        self.known.put(named, pace, now);
        Ok(pace)
    }
}

fn read(item: &Item) -> Pace {
    let number =
        |name: &str| item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or(0);
    Pace { jobs: number("jobs"), took_ms: number("took_ms") }
}

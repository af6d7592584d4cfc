use std::time::Duration;

use super::{
    Error, Table,
    cache::Cache,
    key::Key,
    table::{Item, Update, number, seconds},
};
use crate::{id::AccountId, job::Pace, name::Name, time::Time};

/// For how long a pace that was read counts.
const KEEP: Duration = Duration::from_secs(15);
const HOUR: Duration = Duration::from_secs(3600);

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

    /// Adds what a batch's jobs of one account and kind took.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn add(&self, account: AccountId, kind: &Name, pace: Pace, now: Time) -> Result<(), Error> {
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
    let number = |name: &str| item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or(0);
    Pace { jobs: number("jobs"), took_ms: number("took_ms") }
}

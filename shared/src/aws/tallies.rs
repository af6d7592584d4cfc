use std::time::Duration;

use super::{Counters, Rates, Table};
use crate::clock::Clock;

/// For how long a flush may hold an invocation. What is left is written at the end of the next one.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a process counts for metrics and for the throughput rate. It must flush before Lambda
/// freezes it.
#[derive(Clone, Debug)]
pub struct Tallies {
    /// Totals since deployment.
    pub counters: Counters,
    /// What is accepted each second.
    pub rates: Rates,
}

impl Tallies {
    /// Those of a process, for a table.
    #[must_use]
    pub fn new(table: &Table, clock: &Clock) -> Self {
        let counters = Counters::new(table.clone(), clock.clone());
        Self { counters, rates: Rates::new(table.clone(), clock.clone()) }
    }

    /// Writes what is counted by now, within two seconds: a write unit for each topic of the
    /// totals, and one for the rate. Nothing is written if nothing was counted.
    pub async fn flush(&self) {
        in_time(async { tokio::join!(self.counters.flush(), self.rates.flush()) }).await;
    }

    /// The same, unless it was done a moment ago: ten seconds for totals, one for the rate.
    pub async fn flush_if_due(&self) {
        in_time(async { tokio::join!(self.counters.flush_if_due(), self.rates.flush_if_due()) })
            .await;
    }
}

async fn in_time(flush: impl Future) {
    if tokio::time::timeout(PATIENCE, flush).await.is_err() {
        tracing::warn!("counts are not flushed yet: out of time");
    }
}

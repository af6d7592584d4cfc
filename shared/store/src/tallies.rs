use std::time::Duration;

use super::{Counters, Table, Throughput};
use runtime::clock::Clock;

/// Longest delay of an invocation by a flush. Remaining counts are written at the end of the next
/// one.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Counts for metrics and the throughput rate. They must be flushed before Lambda freezes the
/// process.
#[derive(Clone, Debug)]
pub struct Tallies {
    /// Totals since deployment.
    pub counters: Counters,
    /// Throughput: accepted events and jobs per second.
    pub rates: Throughput,
}

impl Tallies {
    #[must_use]
    pub fn new(table: &Table, clock: &Clock) -> Self {
        let counters = Counters::new(table.clone(), clock.clone());
        Self { counters, rates: Throughput::new(table.clone(), clock.clone()) }
    }

    /// Writes all counts, within two seconds: one write unit per topic of the totals, and one for
    /// the rate. Writes nothing if nothing was counted.
    pub async fn flush(&self) {
        in_time(async { tokio::join!(self.counters.flush(), self.rates.flush()) }).await;
    }

    /// Flushes what is due: totals after ten seconds, the rate after one.
    pub async fn flush_if_due(&self) {
        in_time(async { tokio::join!(self.counters.flush_if_due(), self.rates.flush_if_due()) })
            .await;
    }
}

async fn in_time(flush: impl Future) {
    if tokio::time::timeout(FLUSH_TIMEOUT, flush).await.is_err() {
        tracing::warn!("flush timed out");
    }
}

mod store;

use std::{collections::BTreeMap, fmt, time::Duration};

use futures::future::join_all;

use super::{
    Error, Table,
    write_behind::{Accumulator, FlushPolicy, WriteBehind},
};
use model::time::Time;
use runtime::{
    clock::Clock,
    metrics::{Delta, Item, Totals, item_pair},
    telemetry::{Metrics, Record},
};
use store::CounterStore;

/// Totals since deployment over all processes.
///
/// A request is one write: its route and the other topics it counted ([`item_pair`]).
///
/// Totals are items in a few shards, to which every process adds. Each write carries a token of its
/// process, and an item stores the last tokens of a few processes. A write repeated after a lost
/// response or a freeze therefore counts once, unless many others wrote in between. A function
/// [flushes](Self::flush) at the end of each invocation.
#[derive(Clone)]
pub struct Counters(WriteBehind<PendingCounts>);

/// Counts that are not written yet, or whose write has an unknown outcome.
#[derive(Default)]
pub(super) struct PendingCounts {
    counted: Delta,
    /// Writes tried at least once, by number. They are repeated unchanged.
    in_flight: BTreeMap<u64, Write>,
    /// The last number used.
    numbered: u64,
}

/// Additions to one item by one call.
#[derive(Clone, Debug)]
pub(super) struct Write {
    item: Item,
    fields: BTreeMap<String, u64>,
}

impl Accumulator for PendingCounts {
    type Store = CounterStore;
    type Write = Vec<(u64, Write)>;
    type Outcome = Vec<(u64, Result<(), Error>)>;

    const NOUN: &'static str = "counters";
    const POLICY: FlushPolicy =
        FlushPolicy { interval: Duration::from_secs(10), retry_interval: Duration::from_secs(5) };

    fn next(&mut self, _: Time) -> Option<Self::Write> {
        // A write with an unknown outcome is repeated unchanged; further counts of the same item
        // wait for it.
        let free = |item: &Item| {
            !self.in_flight.values().any(|open| item_pair::contains(&open.item, item))
        };
        for (item, fields) in item_pair::join(self.counted.drain(free).collect()) {
            self.numbered += 1;
            self.in_flight.insert(self.numbered, Write { item, fields });
        }
        let open: Vec<_> =
            self.in_flight.iter().map(|(number, write)| (*number, write.clone())).collect();
        Some(open).filter(|open| !open.is_empty())
    }

    async fn write(store: &CounterStore, write: &Self::Write) -> Self::Outcome {
        let each = write.iter().map(async |(number, write)| {
            (*number, store.add(*number, &write.item, &write.fields).await)
        });
        join_all(each).await
    }

    fn written(&mut self, _: Self::Write, outcome: Self::Outcome) -> Result<(), Error> {
        let mut failed = None;
        for (number, outcome) in outcome {
            match outcome {
                // A refused write would be refused on every retry, so it is dropped.
                Ok(()) | Err(Error::Refused(_) | Error::Corrupt(..)) => {
                    drop(self.in_flight.remove(&number))
                }
                Err(_) => {}
            }
            failed = outcome.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }
}

impl Counters {
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self(WriteBehind::new(CounterStore::new(table), clock))
    }

    /// Also counts every record that `metrics` emits.
    #[must_use]
    pub fn count(&self, metrics: Metrics) -> Metrics {
        let counters = self.0.clone();
        metrics.with_counter(move |record: &Record| {
            counters.count(|unwritten| record.add_to(&mut unwritten.counted))
        })
    }

    /// Writes all counts: one write unit per kind, route or other topic that was counted. Failed
    /// writes are kept.
    pub async fn flush(&self) {
        self.0.flush().await;
    }

    /// Flushes unless the last write was within the last ten seconds.
    pub async fn flush_if_due(&self) {
        self.0.flush_if_due().await;
    }

    /// Returns the totals that all processes have written: one query per shard, at one read unit
    /// per 4 KB. The reads are consistent, since Prometheus treats a falling total as a counter
    /// reset.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn totals(&self) -> Result<Totals, Error> {
        self.0.store().totals().await
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counters({})", self.0.store().process())
    }
}

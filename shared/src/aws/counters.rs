mod store;

use std::{collections::BTreeMap, fmt, time::Duration};

use futures::future::join_all;

use super::{
    Error, Table,
    write_behind::{Accumulator, FlushPolicy, WriteBehind},
};
use crate::{
    clock::Clock,
    metrics::{Delta, Item, Totals, pair},
    telemetry::{Metrics, Record},
    time::Time,
};
use store::CounterStore;

/// What all processes count since deployment, and this one's part in it.
///
/// A request is one write: its route, and what else it counted ([`pair`]).
///
/// Totals are items of a few shards, which every process adds to. Each write carries a token of its process, and an item knows the last tokens
/// of a few processes: a write that is tried again, because its answer was lost or its process was frozen in the middle of it, counts once unless
/// many others wrote meanwhile. A function [flushes](Self::flush) at the end of each invocation.
#[derive(Clone)]
pub struct Counters(WriteBehind<Unwritten>);

/// What a process counted and didn't write yet, or doesn't know whether it did.
#[derive(Default)]
pub(super) struct Unwritten {
    counted: Delta,
    /// What was written once, each under its number, as it was.
    open: BTreeMap<u64, Write>,
    /// The last number.
    numbered: u64,
}

/// What one call adds to one item.
#[derive(Clone, Debug)]
pub(super) struct Write {
    item: Item,
    fields: BTreeMap<String, u64>,
}

impl Accumulator for Unwritten {
    type Store = CounterStore;
    type Write = Vec<(u64, Write)>;
    type Outcome = Vec<(u64, Result<(), Error>)>;

    const NOUN: &'static str = "what was counted";
    const POLICY: FlushPolicy =
        FlushPolicy { apart: Duration::from_secs(10), again: Duration::from_secs(5) };

    fn next(&mut self, _: Time) -> Option<Self::Write> {
        // What may be written or not is tried again as it was; more of the same item waits for it.
        let free = |item: &Item| !self.open.values().any(|open| pair::holds(&open.item, item));
        for (item, fields) in pair::join(self.counted.take(free).collect()) {
            self.numbered += 1;
            self.open.insert(self.numbered, Write { item, fields });
        }
        let open: Vec<_> =
            self.open.iter().map(|(number, write)| (*number, write.clone())).collect();
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
                // It would be refused again and again.
                Ok(()) | Err(Error::Refused(_) | Error::Corrupt(..)) => {
                    drop(self.open.remove(&number))
                }
                Err(_) => {}
            }
            failed = outcome.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }
}

impl Counters {
    /// The totals of a table, and what this process counts.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self(WriteBehind::new(CounterStore::new(table), clock))
    }

    /// Counts every record that goes to `metrics`, too.
    #[must_use]
    pub fn count(&self, metrics: Metrics) -> Metrics {
        let counters = self.0.clone();
        metrics.and(move |record: &Record| {
            counters.count(|unwritten| record.count_in(&mut unwritten.counted))
        })
    }

    /// Writes what is counted by now: a write unit for each kind, route or other topic of which something is. What can't
    /// be written stays.
    pub async fn flush(&self) {
        self.0.flush().await;
    }

    /// The same, unless it was written within the last ten seconds.
    pub async fn flush_if_due(&self) {
        self.0.flush_if_due().await;
    }

    /// The totals of all processes, as far as they wrote them: a query for each shard, at a read unit for 4 KB. As every write left them that was
    /// answered before: a total that falls would seem to begin anew.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn totals(&self) -> Result<Totals, Error> {
        self.0.store().totals().await
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counters({})", self.0.store().process())
    }
}

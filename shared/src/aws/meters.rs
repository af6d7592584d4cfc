use std::{fmt, time::Duration};

use uuid::Uuid;

use super::{
    Error, ReadingStore, Table,
    background::{Background, Counts, Rhythm},
};
use crate::{
    clock::Clock,
    id::AccountId,
    time::Time,
    usage::{
        Direction, Meter,
        meter::{Place, Write},
    },
};

/// What Tollgate's own API lets through, counted by this process.
///
/// It is written in the background, every 25 s at most unless the meter is full.
#[derive(Clone)]
pub struct Meters(Background<Meter>);

/// Where a process' readings go.
pub(super) struct Readings {
    store: ReadingStore,
    process: Uuid,
}

impl Counts for Meter {
    type Store = Readings;
    type Write = Write;
    type Outcome = Result<Place, Error>;

    const NOUN: &'static str = "what went through";
    const RHYTHM: Rhythm =
        Rhythm { first: Duration::ZERO, apart: Duration::from_secs(25), again: Duration::from_secs(5) };

    fn next(&mut self, now: Time) -> Option<Write> {
        self.write(now)
    }

    fn is_full(&self) -> bool {
        Self::is_full(self)
    }

    async fn write(Readings { store, process }: &Readings, write: &Write) -> Result<Place, Error> {
        store.write(*process, write).await
    }

    fn written(&mut self, _: Write, outcome: Result<Place, Error>) -> Result<(), Error> {
        outcome.map(|place| self.written(place))
    }
}

impl Meters {
    /// The meter of this process, whose readings go to a table.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        let readings = Readings { store: ReadingStore::new(table), process: Uuid::new_v4() };
        Self(Background::new(readings, clock))
    }

    /// Counts a request: how many bytes an account sent to a route, and got from it.
    pub fn count(&self, account: AccountId, route: &str, sent: u64, got: u64) {
        if sent == 0 && got == 0 {
            return;
        }
        self.0.count(|meter| {
            meter.count(account, Direction::Ingress, route, sent);
            meter.count(account, Direction::Egress, route, got);
        });
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meters({})", self.0.store().process)
    }
}

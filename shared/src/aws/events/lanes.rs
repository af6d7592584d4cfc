use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{clock::Clock, event::Lane, id::EventId, time::Time};

/// Concurrent event writes per process. A Lambda function that handles one request at a time uses
/// one writer stream. Readers can track only few streams.
const MOST: usize = 16;

/// The writer streams of a process: one per concurrent write.
#[derive(Clone)]
pub(super) struct Lanes {
    /// A stack (LIFO), so that sequential writes stay in one stream.
    free: Arc<Mutex<Vec<Lane>>>,
    room: Arc<Semaphore>,
}

/// Reservation of an event id. It has exclusive use of a writer stream until it is dropped.
///
/// An unused reservation has no effect. If the outcome of its write is unknown, its stream is
/// closed.
pub struct Place {
    id: EventId,
    /// Creation time.
    pub(super) since: Time,
    lane: Option<Lane>,
    /// Whether the outcome of the write is unknown.
    open: bool,
    lanes: Lanes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { free: Arc::default(), room: Arc::new(Semaphore::new(MOST)) }
    }
}

impl Lanes {
    pub async fn reserve(&self, clock: &Clock) -> Place {
        // The semaphore is never closed, so `acquire_owned` can't fail.
        let room = self.room.clone().acquire_owned().await.ok();
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut lane = free.unwrap_or_else(fresh);
        loop {
            let since = clock.now();
            if let Some(id) = lane.mint(since) {
                let lanes = self.clone();
                return Place { id, since, lane: Some(lane), open: false, lanes, _room: room };
            }
            lane = fresh();
        }
    }
}

fn fresh() -> Lane {
    let random = Uuid::new_v4();
    Lane::new(std::array::from_fn(|n| random.as_bytes()[10 + n]))
}

impl Place {
    /// The reserved id.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// Marks the write as started: its outcome is unknown.
    pub(super) const fn begin(&mut self) {
        self.open = true;
    }

    /// Marks the write as successful.
    pub(super) const fn end(&mut self) {
        self.open = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let free = || self.lanes.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = self.lane.take().filter(|_| !self.open) {
            free().push(lane);
        }
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lanes")
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.id)
    }
}

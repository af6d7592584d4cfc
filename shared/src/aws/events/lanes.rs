use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{clock::Clock, event::Lane, id::EventId, time::Time};

/// How many events a process writes at once. A Lambda function that answers one request at a time uses one lane, and a reader remembers few.
const MOST: usize = 16;

/// The lanes of a process: one for each event that it writes at the same time.
#[derive(Clone)]
pub(super) struct Lanes {
    /// The last that came free is the first that is used again, so that whoever publishes one event after the other stays in one lane.
    free: Arc<Mutex<Vec<Lane>>>,
    room: Arc<Semaphore>,
}

/// The place of an event that is about to be published: an id, and the lane that it is in, which is nobody else's meanwhile.
///
/// One that isn't used does no harm. One of which it isn't known whether the event got there ends its lane.
pub struct Place {
    id: EventId,
    /// When it was made.
    pub(super) since: Time,
    lane: Option<Lane>,
    /// Whether its event may be there, without anybody knowing.
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
        // Nobody closes the semaphore, so there always is a permit.
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
    /// The id under which the event will be.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// From now on it isn't known whether the event is there.
    pub(super) const fn begin(&mut self) {
        self.open = true;
    }

    /// It is.
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

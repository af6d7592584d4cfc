use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use model::{event::WriterStream, id::EventId, time::Time};
use runtime::clock::Clock;

/// Concurrent event writes per process. A Lambda function that handles one request at a time uses
/// one writer stream. Readers can track only few streams.
const MAX_STREAMS: usize = 16;

/// The writer streams of a process: one per concurrent write.
#[derive(Clone)]
pub(super) struct WriterStreams {
    /// A stack (LIFO), so that sequential writes stay in one stream.
    free: Arc<Mutex<Vec<WriterStream>>>,
    room: Arc<Semaphore>,
}

/// Reservation of an event id. It has exclusive use of a writer stream until it is dropped.
///
/// An unused reservation has no effect. If the outcome of its write is unknown, its stream is
/// closed.
pub struct Reservation {
    id: EventId,
    /// Creation time.
    pub(super) since: Time,
    lane: Option<WriterStream>,
    /// Whether the outcome of the write is unknown.
    outcome_unknown: bool,
    lanes: WriterStreams,
    _room: Option<OwnedSemaphorePermit>,
}

impl Default for WriterStreams {
    fn default() -> Self {
        Self { free: Arc::default(), room: Arc::new(Semaphore::new(MAX_STREAMS)) }
    }
}

impl WriterStreams {
    pub async fn reserve(&self, clock: &Clock) -> Reservation {
        // The semaphore is never closed, so `acquire_owned` can't fail.
        let room = self.room.clone().acquire_owned().await.ok();
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut lane = free.unwrap_or_else(new_stream);
        loop {
            let since = clock.now();
            if let Some(id) = lane.next_id(since) {
                let lanes = self.clone();
                return Reservation {
                    id,
                    since,
                    lane: Some(lane),
                    outcome_unknown: false,
                    lanes,
                    _room: room,
                };
            }
            lane = new_stream();
        }
    }
}

fn new_stream() -> WriterStream {
    let random = Uuid::new_v4();
    WriterStream::new(std::array::from_fn(|n| random.as_bytes()[10 + n]))
}

impl Reservation {
    /// The reserved id.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// Marks the write as started: its outcome is unknown.
    pub(super) const fn mark_started(&mut self) {
        self.outcome_unknown = true;
    }

    /// Marks the write as successful.
    pub(super) const fn mark_written(&mut self) {
        self.outcome_unknown = false;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let free = || self.lanes.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = self.lane.take().filter(|_| !self.outcome_unknown) {
            free().push(lane);
        }
    }
}

impl fmt::Debug for WriterStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lanes")
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.id)
    }
}

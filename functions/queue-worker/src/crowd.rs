//! The slots of an account with a concurrency limit, within one invocation.
//!
//! The invocation reuses the slots it found free: when a job ends, the next one of the batch takes
//! its slot without reading the table. It doesn't wait for slots that other workers hold; such
//! messages are requeued.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use shared::aws::Slot;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots found free by this invocation. Another worker may still take one.
#[derive(Debug)]
pub struct Crowd {
    free: Mutex<Vec<Slot>>,
    waiting: Arc<Semaphore>,
    /// Free and used slots.
    slots: AtomicUsize,
}

/// A slot in use. Dropping it frees the slot for another job.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    slot: Option<Slot>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Crowd {
    /// Without slots, every `enter` returns `None`.
    pub fn new(slots: Vec<Slot>) -> Arc<Self> {
        let waiting = Arc::new(Semaphore::new(slots.len()));
        if slots.is_empty() {
            waiting.close();
        }
        Arc::new(Self { slots: AtomicUsize::new(slots.len()), free: Mutex::new(slots), waiting })
    }

    /// Waits for a free slot; `None` if no slots are left.
    pub async fn enter(self: &Arc<Self>) -> Option<Place> {
        let turn = self.waiting.clone().acquire_owned().await.ok()?;
        let slot = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Some(Place { crowd: self.clone(), slot, turn: Some(turn) })
    }
}

impl Place {
    /// The slot as last read.
    pub const fn slot(&self) -> Option<&Slot> {
        self.slot.as_ref()
    }

    /// Marks the slot as taken by the claim `owner`.
    pub fn taken(&mut self, owner: &str) {
        if let Some(slot) = &mut self.slot {
            slot.taken(owner);
        }
    }

    /// Removes the slot from the pool, because another worker took it.
    pub fn lost(mut self) {
        self.slot = None;
        // Not returned: the next job would find no slot for this permit.
        if let Some(turn) = self.turn.take() {
            turn.forget();
        }
        if self.crowd.slots.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.crowd.waiting.close();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Before the permit is released: fields are dropped after this function.
        self.crowd.free.lock().unwrap_or_else(PoisonError::into_inner).extend(self.slot.take());
    }
}

//! The slots of an account with a concurrency limit, within one invocation.
//!
//! The invocation reuses the slots it found free: when a job ends, the next one of the batch takes
//! its slot without reading the table. It doesn't wait for slots that other workers hold; such
//! messages are requeued.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use store::Slot;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots found free by this invocation. Another worker may still take one.
#[derive(Debug)]
pub struct SlotPool {
    free: Mutex<Vec<Slot>>,
    permits: Arc<Semaphore>,
    /// Free and used slots.
    total: AtomicUsize,
}

/// A slot in use. Dropping it frees the slot for another job.
#[derive(Debug)]
pub struct SlotGuard {
    pool: Arc<SlotPool>,
    slot: Option<Slot>,
    permit: Option<OwnedSemaphorePermit>,
}

impl SlotPool {
    /// Without slots, every `acquire` returns `None`.
    pub fn new(slots: Vec<Slot>) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(slots.len()));
        if slots.is_empty() {
            permits.close();
        }
        Arc::new(Self { total: AtomicUsize::new(slots.len()), free: Mutex::new(slots), permits })
    }

    /// Waits for a free slot; `None` if no slots are left.
    pub async fn acquire(self: &Arc<Self>) -> Option<SlotGuard> {
        let permit = self.permits.clone().acquire_owned().await.ok()?;
        let slot = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Some(SlotGuard { pool: self.clone(), slot, permit: Some(permit) })
    }
}

impl SlotGuard {
    /// The slot as last read.
    pub const fn slot(&self) -> Option<&Slot> {
        self.slot.as_ref()
    }

    /// Marks the slot as taken by the claim `owner`.
    pub fn mark_taken(&mut self, owner: &str) {
        if let Some(slot) = &mut self.slot {
            slot.record_taken(owner);
        }
    }

    /// Removes the slot from the pool, because another worker took it.
    pub fn discard(mut self) {
        self.slot = None;
        // Not returned: the next job would find no slot for this permit.
        if let Some(permit) = self.permit.take() {
            permit.forget();
        }
        if self.pool.total.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.pool.permits.close();
        }
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        // Before the permit is released: fields are dropped after this function.
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).extend(self.slot.take());
    }
}

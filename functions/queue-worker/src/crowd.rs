//! The slots of an account with a cap, within one invocation.
//!
//! What the invocation found free it keeps going through: a slot whose job ended is used for the batch's next, without asking the table
//! who holds it. Nobody waits for slots that other workers hold; such messages come back later.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use shared::aws::Slot;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots that this invocation has to itself, as long as nobody else takes them.
#[derive(Debug)]
pub struct Crowd {
    free: Mutex<Vec<Slot>>,
    waiting: Arc<Semaphore>,
    /// Free ones and used ones.
    slots: AtomicUsize,
}

/// A place in a crowd; when it is given up, another job may have it.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    slot: Option<Slot>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Crowd {
    /// Of these slots; without any, nobody gets in.
    pub fn new(slots: Vec<Slot>) -> Arc<Self> {
        let waiting = Arc::new(Semaphore::new(slots.len()));
        if slots.is_empty() {
            waiting.close();
        }
        Arc::new(Self { slots: AtomicUsize::new(slots.len()), free: Mutex::new(slots), waiting })
    }

    /// A place, as soon as one is free; none if there are no slots any more.
    pub async fn enter(self: &Arc<Self>) -> Option<Place> {
        let turn = self.waiting.clone().acquire_owned().await.ok()?;
        let slot = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Some(Place { crowd: self.clone(), slot, turn: Some(turn) })
    }
}

impl Place {
    /// The slot, as it was last known.
    pub const fn slot(&self) -> Option<&Slot> {
        self.slot.as_ref()
    }

    /// The slot is this claim's now.
    pub fn taken(&mut self, owner: &str) {
        if let Some(slot) = &mut self.slot {
            slot.taken(owner);
        }
    }

    /// Another worker took the slot: there is one fewer.
    pub fn lost(mut self) {
        self.slot = None;
        // Not to be handed on: who comes next would find nothing.
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
        // Before its turn is handed on, as fields are dropped after this.
        self.crowd.free.lock().unwrap_or_else(PoisonError::into_inner).extend(self.slot.take());
    }
}

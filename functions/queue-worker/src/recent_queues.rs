//! The ready queues of recent batches.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{id::AccountId, name::Name};

use crate::ready_queue::{Contention, ReadyQueue};

/// Number of ready queues whose last batch a worker remembers.
const MAX_REMEMBERED: usize = 1000;

/// The ready queues of the last batches, by account and kind.
#[derive(Debug, Default)]
pub struct RecentQueues(Mutex<HashMap<(AccountId, Name), Arc<ReadyQueue>>>);

impl RecentQueues {
    /// The last batch of a ready queue, and its contention.
    pub fn last(&self, account: AccountId, kind: &Name) -> (Option<Arc<ReadyQueue>>, Contention) {
        let last = self.lock().get(&(account, kind.clone())).cloned();
        let contention = last.as_ref().map(|last| last.contention()).unwrap_or_default();
        (last, contention)
    }

    pub fn insert(&self, ready_queue: &Arc<ReadyQueue>) {
        let (account, kind) = ready_queue.key();
        let mut queues = self.lock();
        // Forgetting contention costs at most one batch of lost claims.
        if queues.len() >= MAX_REMEMBERED {
            queues.clear();
        }
        queues.insert((account, kind.clone()), ready_queue.clone());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(AccountId, Name), Arc<ReadyQueue>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

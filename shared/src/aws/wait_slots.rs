use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Error, Table,
    cache::Cache,
    key::Key,
    table::{Condition, Conditional, content, millis, text},
};
use crate::{
    id::AccountId,
    time::Time,
    wait::{PROBES, candidates, granted},
};

/// For how long a slot stays taken after its request was to be answered, should the process be
/// killed: clocks may be this far apart.
const GRACE: Duration = Duration::from_secs(2);
/// For how long an account that found no slot counts as one without.
const FULL: Duration = Duration::from_secs(5);

/// The slots of requests that wait, shared by all processes of a stack.
///
/// Each slot is an item in a partition of its own, with a lease. Taking and releasing one is a
/// write each; a request that finds none makes [`PROBES`] writes. The bound is strict, but a free
/// slot may be missed: with a share of the slots taken, that share to the power of [`PROBES`] is
/// turned away.
#[derive(Debug)]
pub struct WaitSlots {
    table: Table,
    slots: u32,
    /// Accounts without a free slot.
    full: Cache<AccountId, ()>,
}

/// The right to wait.
#[derive(Debug)]
pub struct WaitSlot {
    number: u32,
    owner: String,
    /// For how long, from when it was asked for.
    pub wait: Duration,
}

#[derive(Serialize, Deserialize)]
struct SlotItem {
    owner: String,
    held_until: i64,
    /// TTL, in seconds.
    expires_at: i64,
}

impl WaitSlots {
    /// So many slots of a table.
    #[must_use]
    pub fn new(table: Table, slots: u32) -> Self {
        Self { table, slots, full: Cache::new(FULL) }
    }

    /// Whether the account found no slot a moment ago.
    #[must_use]
    pub fn are_full(&self, account: AccountId, now: Time) -> bool {
        self.full.get(&account, now).is_some()
    }

    /// Takes a slot for a wait; `None` if the account finds none, and until a moment later without
    /// a write. The fuller the slots, the shorter the wait that is granted.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn acquire(
        &self,
        account: AccountId,
        wanted: Duration,
        now: Time,
    ) -> Result<Option<WaitSlot>, Error> {
        if self.are_full(account, now) {
            return Ok(None);
        }
        let id = Uuid::new_v4();
        let owner = id.simple().to_string();
        let candidates = candidates(account, self.slots, id.as_u64_pair().1);
        for (taken, number) in candidates.into_iter().take(PROBES).enumerate() {
            let wait = granted(wanted, taken);
            if self.take(number, &owner, wait, now).await? {
                return Ok(Some(WaitSlot { number, owner, wait }));
            }
        }
        self.full.put(account, (), now);
        Ok(None)
    }

    /// Gives a slot back before its lease ends.
    ///
    /// # Errors
    /// When the table can't be written: the lease ends by itself.
    pub async fn release(&self, slot: WaitSlot) -> Result<(), Error> {
        let own = Condition {
            expression: "#owner = :owner",
            names: vec![("#owner", "owner")],
            values: vec![(":owner", text(slot.owner))],
        };
        self.table.delete(&Key::wait_slot(slot.number), Some(own)).await.map(drop)
    }

    async fn take(
        &self,
        number: u32,
        owner: &str,
        wait: Duration,
        now: Time,
    ) -> Result<bool, Error> {
        let held_until = now + wait + GRACE;
        let item = SlotItem {
            owner: owner.to_owned(),
            held_until: held_until.millis(),
            expires_at: held_until.seconds_up(),
        };
        let free = Condition {
            expression: "attribute_not_exists(pk) OR held_until < :now",
            names: Vec::new(),
            values: vec![(":now", millis(now))],
        };
        match self.table.put_if(&Key::wait_slot(number), &item, free).await? {
            Conditional::Done(()) => Ok(true),
            Conditional::Refused(None) => Ok(false),
            // The SDK repeats a write whose answer was lost.
            Conditional::Refused(Some(other)) => {
                Ok(content::<SlotItem>("a wait slot", other)?.owner == owner)
            }
        }
    }
}

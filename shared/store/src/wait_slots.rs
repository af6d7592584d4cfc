use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Error, Table,
    cache::Cache,
    key::Key,
    table::{Condition, Conditional, millis, parse_item, text},
};
use model::{
    id::AccountId,
    time::Time,
    wait::{MAX_PROBES, candidates, granted_wait},
};

/// How long a slot stays taken after its request's deadline if the process is killed: clocks may
/// differ by this much.
const GRACE: Duration = Duration::from_secs(2);
/// How long an account that found no slot is treated as having none.
const FULL: Duration = Duration::from_secs(5);

/// Slots for long-polling requests, shared by all processes of a stack.
///
/// Each slot is an item in its own partition, with a lease. Acquiring and releasing take one write
/// each; a request that finds no slot makes [`MAX_PROBES`] writes. The limit is strict, but a free
/// slot may be missed. If a fraction `f` of the slots is taken, `f` to the power of [`MAX_PROBES`]
/// of the requests are refused.
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
    /// Duration of the wait, from the request on.
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
    #[must_use]
    pub fn new(table: Table, slots: u32) -> Self {
        Self { table, slots, full: Cache::new(FULL) }
    }

    /// Whether the account recently found no slot.
    #[must_use]
    pub fn are_full(&self, account: AccountId, now: Time) -> bool {
        self.full.get(&account, now).is_some()
    }

    /// Acquires a slot for a wait. Returns `None` if the account finds no slot, and for five
    /// seconds after that without a write. The fuller the slots, the shorter the granted wait.
    ///
    /// # Errors
    /// Fails when the table can't be written.
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
        for (taken, number) in candidates.into_iter().take(MAX_PROBES).enumerate() {
            let wait = granted_wait(wanted, taken);
            if self.take(number, &owner, wait, now).await? {
                return Ok(Some(WaitSlot { number, owner, wait }));
            }
        }
        self.full.put(account, (), now);
        Ok(None)
    }

    /// Releases a slot before its lease ends.
    ///
    /// # Errors
    /// Fails when the table can't be written; the lease then ends by itself.
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
            expires_at: held_until.seconds_ceil(),
        };
        let free = Condition {
            expression: "attribute_not_exists(pk) OR held_until < :now",
            names: Vec::new(),
            values: vec![(":now", millis(now))],
        };
        match self.table.put_if(&Key::wait_slot(number), &item, free).await? {
            Conditional::Done(()) => Ok(true),
            Conditional::Refused(None) => Ok(false),
            // An SDK retry after a lost response.
            Conditional::Refused(Some(other)) => {
                Ok(parse_item::<SlotItem>("a wait slot", other)?.owner == owner)
            }
        }
    }
}

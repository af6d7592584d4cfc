//! The send lease of a connection. Only one process sends at a time, or events would arrive out of
//! order. A process with new events while another holds the lease increments a counter. The holder
//! checks this counter before it releases the lease.

use std::time::Duration;

use aws_sdk_dynamodb::{
    primitives::Blob,
    types::{AttributeValue, ReturnValue},
};
use uuid::Uuid;

use super::{ConnectionStore, read};
use crate::{
    Error,
    key::Key,
    table::{Conditional, Item, Update, millis, number, text},
};
use model::{
    event::ReadCursor,
    id::AccountId,
    push::{ConnectionId, Subscriber},
    time::Time,
};

/// Duration of the lease: longer than the maximum run time of the function that takes it, with
/// clocks 2 s apart.
const SEND_LEASE_DURATION: Duration = Duration::from_secs(31);

/// The send lease of a connection, with the data needed to send.
#[derive(Debug)]
pub struct SendLease {
    pub connection: ConnectionId,
    pub subscriber: Subscriber,
    /// Subscribed accounts.
    pub accounts: Vec<AccountId>,
    /// Cursor after the last event sent.
    pub position: ReadCursor,
    owner: String,
    signals: u64,
}

/// Result of acquiring the lease.
#[derive(Debug)]
pub enum SendLeaseResult {
    /// Acquired.
    Acquired(Box<SendLease>),
    /// Another process holds the lease and will send the new events.
    HeldByOther,
    /// Nothing to send: the connection has not subscribed yet or is closed.
    NothingToSend,
}

impl ConnectionStore {
    /// Acquires the lease of a connection. One write.
    ///
    /// # Errors
    /// Fails when the table can't be written; then possibly no process knows of the new events.
    pub async fn acquire_send_lease(
        &self,
        id: &ConnectionId,
        now: Time,
    ) -> Result<SendLeaseResult, Error> {
        let owner = Uuid::new_v4().simple().to_string();
        loop {
            let update = Update {
                expression: "SET #owner = :owner, held_until = :until".into(),
                condition: Some(
                    "attribute_exists(accounts) AND \
                     (attribute_not_exists(#owner) OR held_until < :now)",
                ),
                names: vec![("#owner", "owner")],
                values: vec![
                    (":owner", text(&owner)),
                    (":until", millis(now + SEND_LEASE_DURATION)),
                    (":now", millis(now)),
                ],
                returns: Some(ReturnValue::AllNew),
            };
            let refused = match self.table.update(&Key::connection(id), update).await? {
                Conditional::Done(Some(item)) => return acquired(id, owner, item),
                Conditional::Done(None) | Conditional::Refused(None) => {
                    return Ok(SendLeaseResult::NothingToSend);
                }
                Conditional::Refused(Some(item)) => item,
            };
            let Some(holder) = holder(&refused) else {
                // A refusal without a holder means that the connection has no subscription.
                return Ok(SendLeaseResult::NothingToSend);
            };
            if holder == owner {
                // The response was lost.
                return acquired(id, owner, refused);
            }
            let update = Update {
                expression: "SET news = news + :one".into(),
                condition: Some("#owner = :holder"),
                names: vec![("#owner", "owner")],
                values: vec![(":one", number(1)), (":holder", text(holder))],
                ..Update::default()
            };
            if let Conditional::Done(_) = self.table.update(&Key::connection(id), update).await? {
                return Ok(SendLeaseResult::HeldByOther);
            }
            // The holder has released the lease in the meantime.
        }
    }

    /// Subscribes a connection to these accounts from `position` on, and acquires its lease.
    /// Returns `None` if it subscribes to other accounts or is closed. The call may be repeated.
    ///
    /// # Errors
    /// Fails when the table can't be written. The connection may then be subscribed but miss
    /// notifications of new events.
    pub async fn subscribe(
        &self,
        id: &ConnectionId,
        accounts: &[AccountId],
        position: &ReadCursor,
        now: Time,
    ) -> Result<Option<SendLeaseResult>, Error> {
        let owner = Uuid::new_v4().simple().to_string();
        let names = accounts.iter().map(|account| text(account.to_string())).collect();
        let update = Update {
            expression: "SET accounts = :accounts, #position = :position, #owner = :owner, \
                 held_until = :until"
                .into(),
            condition: Some("attribute_exists(pk) AND attribute_not_exists(accounts)"),
            names: vec![("#owner", "owner"), ("#position", "position")],
            values: vec![
                (":accounts", AttributeValue::L(names)),
                (":position", bytes(position)),
                (":owner", text(&owner)),
                (":until", millis(now + SEND_LEASE_DURATION)),
            ],
            returns: Some(ReturnValue::AllNew),
        };
        let (Conditional::Done(Some(item)) | Conditional::Refused(Some(item))) =
            self.table.update(&Key::connection(id), update).await?
        else {
            return Ok(None);
        };
        if read(item.clone())?.accounts.as_deref() != Some(accounts) {
            return Ok(None);
        }
        // After the connection itself, so that a listed connection without a subscription can be
        // treated as closed.
        self.add_to_subscribers(id, accounts, now).await?;
        let is_mine = holder(&item) == Some(&owner);
        if is_mine {
            acquired(id, owner, item).map(Some)
        } else {
            self.acquire_send_lease(id, now).await.map(Some)
        }
    }

    /// Stores the cursor and releases the lease. Returns the lease if new events were signalled in
    /// the meantime; the caller then reads again.
    ///
    /// # Errors
    /// Fails when the table can't be written. The next holder may send the same events again.
    pub async fn release_send_lease(
        &self,
        mut turn: Box<SendLease>,
    ) -> Result<Option<Box<SendLease>>, Error> {
        let update = Update {
            expression: "SET #position = :position REMOVE #owner, held_until".into(),
            condition: Some("#owner = :owner AND news = :news"),
            names: vec![("#owner", "owner"), ("#position", "position")],
            values: vec![
                (":owner", text(&turn.owner)),
                (":news", number(turn.signals)),
                (":position", bytes(&turn.position)),
            ],
            ..Update::default()
        };
        let Conditional::Refused(Some(item)) =
            self.table.update(&Key::connection(&turn.connection), update).await?
        else {
            return Ok(None);
        };
        let is_mine = holder(&item) == Some(&turn.owner);
        turn.signals = read(item)?.news;
        Ok(is_mine.then_some(turn))
    }
}

/// The holder of the lease.
fn holder(item: &Item) -> Option<&str> {
    item.get("owner")?.as_s().ok().map(String::as_str)
}

fn acquired(id: &ConnectionId, owner: String, item: Item) -> Result<SendLeaseResult, Error> {
    let corrupt = || Error::Corrupt("a connection", "cursor missing".into());
    let position = item
        .get("position")
        .and_then(|bytes| ReadCursor::from_bytes(bytes.as_b().ok()?.as_ref()).ok());
    let position = position.ok_or_else(corrupt)?;
    let item = read(item)?;
    Ok(SendLeaseResult::Acquired(Box::new(SendLease {
        connection: id.clone(),
        subscriber: item.subscriber,
        accounts: item.accounts.unwrap_or_default(),
        position,
        owner,
        signals: item.news,
    })))
}

fn bytes(position: &ReadCursor) -> AttributeValue {
    AttributeValue::B(Blob::new(position.to_bytes()))
}

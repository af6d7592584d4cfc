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
    aws::{
        Error,
        key::Key,
        table::{Conditional, Item, Update, millis, number, text},
    },
    event::Position,
    id::AccountId,
    push::{ConnectionId, Subscriber},
    time::Time,
};

/// Duration of the lease: longer than the maximum run time of the function that takes it, with
/// clocks 2 s apart.
const TURN: Duration = Duration::from_secs(31);

/// The send lease of a connection, with the data needed to send.
#[derive(Debug)]
pub struct Turn {
    pub connection: ConnectionId,
    pub subscriber: Subscriber,
    /// Subscribed accounts.
    pub accounts: Vec<AccountId>,
    /// Cursor after the last event sent.
    pub position: Position,
    owner: String,
    news: u64,
}

/// Result of acquiring the lease.
#[derive(Debug)]
pub enum Turned {
    /// Acquired.
    Given(Box<Turn>),
    /// Another process holds the lease and will send the new events.
    Taken,
    /// Nothing to send: the connection has not subscribed yet or is closed.
    Idle,
}

impl ConnectionStore {
    /// Acquires the lease of a connection. One write.
    ///
    /// # Errors
    /// Fails when the table can't be written; then possibly no process knows of the new events.
    pub async fn begin(&self, id: &ConnectionId, now: Time) -> Result<Turned, Error> {
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
                    (":until", millis(now + TURN)),
                    (":now", millis(now)),
                ],
                returns: Some(ReturnValue::AllNew),
            };
            let refused = match self.table.update(&Key::connection(id), update).await? {
                Conditional::Done(Some(item)) => return given(id, owner, item),
                Conditional::Done(None) | Conditional::Refused(None) => return Ok(Turned::Idle),
                Conditional::Refused(Some(item)) => item,
            };
            let Some(holder) = holder(&refused) else {
                // A refusal without a holder means that the connection has no subscription.
                return Ok(Turned::Idle);
            };
            if holder == owner {
                // The response was lost.
                return given(id, owner, refused);
            }
            let update = Update {
                expression: "SET news = news + :one".into(),
                condition: Some("#owner = :holder"),
                names: vec![("#owner", "owner")],
                values: vec![(":one", number(1)), (":holder", text(holder))],
                ..Update::default()
            };
            if let Conditional::Done(_) = self.table.update(&Key::connection(id), update).await? {
                return Ok(Turned::Taken);
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
        position: &Position,
        now: Time,
    ) -> Result<Option<Turned>, Error> {
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
                (":until", millis(now + TURN)),
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
        self.list(id, accounts, now).await?;
        let is_mine = holder(&item) == Some(&owner);
        if is_mine { given(id, owner, item).map(Some) } else { self.begin(id, now).await.map(Some) }
    }

    /// Stores the cursor and releases the lease. Returns the lease if new events were signalled in
    /// the meantime; the caller then reads again.
    ///
    /// # Errors
    /// Fails when the table can't be written. The next holder may send the same events again.
    pub async fn end(&self, mut turn: Box<Turn>) -> Result<Option<Box<Turn>>, Error> {
        let update = Update {
            expression: "SET #position = :position REMOVE #owner, held_until".into(),
            condition: Some("#owner = :owner AND news = :news"),
            names: vec![("#owner", "owner"), ("#position", "position")],
            values: vec![
                (":owner", text(&turn.owner)),
                (":news", number(turn.news)),
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
        turn.news = read(item)?.news;
        Ok(is_mine.then_some(turn))
    }
}

/// The holder of the lease.
fn holder(item: &Item) -> Option<&str> {
    item.get("owner")?.as_s().ok().map(String::as_str)
}

fn given(id: &ConnectionId, owner: String, item: Item) -> Result<Turned, Error> {
    let corrupt = || Error::Corrupt("a connection", "cursor missing".into());
    let position = item
        .get("position")
        .and_then(|bytes| Position::from_bytes(bytes.as_b().ok()?.as_ref()).ok());
    let position = position.ok_or_else(corrupt)?;
    let item = read(item)?;
    Ok(Turned::Given(Box::new(Turn {
        connection: id.clone(),
        subscriber: item.subscriber,
        accounts: item.accounts.unwrap_or_default(),
        position,
        owner,
        news: item.news,
    })))
}

fn bytes(position: &Position) -> AttributeValue {
    AttributeValue::B(Blob::new(position.to_bytes()))
}

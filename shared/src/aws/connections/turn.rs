//! Whose turn it is to send to a connection. One at a time does, or events would come out of order; whoever has news meanwhile leaves a
//! note, for which the one who sends looks before it leaves.

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

/// For how long a turn is one's own: longer than the function that takes it can run, with clocks 2 s apart.
const TURN: Duration = Duration::from_secs(31);

/// The right to send to a connection, and what it takes to do so.
#[derive(Debug)]
pub struct Turn {
    /// Which connection.
    pub connection: ConnectionId,
    /// Who is at the other end.
    pub subscriber: Subscriber,
    /// Whose events it is sent.
    pub accounts: Vec<AccountId>,
    /// Up to where they were sent.
    pub position: Position,
    owner: String,
    news: u64,
}

/// What came of asking for a turn.
#[derive(Debug)]
pub enum Turned {
    /// It is given.
    Given(Box<Turn>),
    /// Somebody else has it, and will see to what is new.
    Taken,
    /// There is nothing to send: the connection doesn't subscribe yet, or is gone.
    Idle,
}

impl ConnectionStore {
    /// Asks for the turn to send to a connection: one write.
    ///
    /// # Errors
    /// When the table can't be written; then nobody may know that there is news.
    pub async fn begin(&self, id: &ConnectionId, now: Time) -> Result<Turned, Error> {
        let owner = Uuid::new_v4().simple().to_string();
        loop {
            let update = Update {
                expression: "SET #owner = :owner, held_until = :until".into(),
                condition: Some(
                    "attribute_exists(accounts) AND (attribute_not_exists(#owner) OR held_until < :now)",
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
                // Without one it is only refused where nothing is subscribed to.
                return Ok(Turned::Idle);
            };
            if holder == owner {
                // An answer was lost.
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
            // Whoever it was has left meanwhile.
        }
    }

    /// Has a connection subscribe to these accounts, from a position on, with the turn to send to it; `None` if it subscribes to others already, or is
    /// gone. May be repeated.
    ///
    /// # Errors
    /// When the table can't be written. It may subscribe all the same, and not hear of all that is new.
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
            expression:
                "SET accounts = :accounts, #position = :position, #owner = :owner, held_until = :until".into(),
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
        // After the connection itself: whoever is listed, and doesn't subscribe, is gone.
        self.list(id, accounts, now).await?;
        let is_mine = holder(&item) == Some(&owner);
        if is_mine { given(id, owner, item).map(Some) } else { self.begin(id, now).await.map(Some) }
    }

    /// Ends a turn: the next goes on from its position. Gives it back if there was news meanwhile, to look again.
    ///
    /// # Errors
    /// When the table can't be written. The next turn may send again what this one sent.
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

/// Whose turn it is, by the item.
fn holder(item: &Item) -> Option<&str> {
    item.get("owner")?.as_s().ok().map(String::as_str)
}

fn given(id: &ConnectionId, owner: String, item: Item) -> Result<Turned, Error> {
    let corrupt = || Error::Corrupt("a connection", "it stands nowhere among the events".into());
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

mod turn;

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

pub use turn::{Turn, Turned};

use super::{
    Error, Table,
    key::Key,
    table::{Conditional, Item, content},
};
use crate::{
    id::AccountId,
    push::{CONNECTION_LIFE, ConnectionId, Subscriber, Ticket},
    time::Time,
};

/// How many accounts are written or deleted side by side.
const ABREAST: usize = 10;
/// How many subscriptions are read at once.
const PAGE: usize = 1000;

/// The connections over which events are pushed: who is there, what is sent, and by whom just now.
#[derive(Debug)]
pub struct ConnectionStore {
    table: Table,
}

#[derive(Serialize, Deserialize)]
struct TicketItem {
    subscriber: Subscriber,
    good_until: i64,
    /// TTL, in seconds.
    expires_at: i64,
}

/// A connection's item, except for what only updates touch while events are sent.
#[derive(Serialize, Deserialize)]
struct ConnectionItem {
    subscriber: Subscriber,
    /// Whose events it is sent, from when on it subscribes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<AccountId>>,
    /// How often somebody had news while somebody else was sending.
    #[serde(default)]
    news: u64,
    /// TTL, in seconds.
    expires_at: i64,
}

/// That a connection subscribes to an account: its key says it all.
#[derive(Serialize, Deserialize)]
struct SubscriptionItem {
    /// TTL, in seconds.
    expires_at: i64,
}

impl ConnectionStore {
    /// The connections of a table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Keeps a ticket, by its digest.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn put_ticket(
        &self,
        ticket: &Ticket,
        subscriber: &Subscriber,
        until: Time,
    ) -> Result<(), Error> {
        let item = TicketItem {
            subscriber: subscriber.clone(),
            good_until: until.millis(),
            expires_at: until.seconds_up(),
        };
        self.table.put(&Key::ticket(&ticket.digest()), &item).await
    }

    /// Takes a ticket, whose it is; `None` if there is none, or it is over. It is good once.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn redeem(&self, ticket: &Ticket, now: Time) -> Result<Option<Subscriber>, Error> {
        let taken = match self.table.delete(&Key::ticket(&ticket.digest()), None).await? {
            Conditional::Done(taken) | Conditional::Refused(taken) => taken,
        };
        let Some(item) = taken else { return Ok(None) };
        let TicketItem { subscriber, good_until, .. } = content("a ticket", item)?;
        Ok((now.millis() < good_until).then_some(subscriber))
    }

    /// Notes that a connection is open.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn open(
        &self,
        id: &ConnectionId,
        subscriber: Subscriber,
        now: Time,
    ) -> Result<(), Error> {
        let expires_at = over(now);
        let item = ConnectionItem { subscriber, accounts: None, news: 0, expires_at };
        self.table.put(&Key::connection(id), &item).await
    }

    /// Who is at the other end of a connection.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find(&self, id: &ConnectionId) -> Result<Option<Subscriber>, Error> {
        let item = self.table.get(&Key::connection(id), true).await?;
        Ok(item.map(read).transpose()?.map(|connection| connection.subscriber))
    }

    /// Lists a connection with those that subscribe to these accounts.
    async fn list(
        &self,
        id: &ConnectionId,
        accounts: &[AccountId],
        now: Time,
    ) -> Result<(), Error> {
        let item = &SubscriptionItem { expires_at: over(now) };
        stream::iter(accounts)
            .map(async |account| self.table.put(&Key::subscription(*account, id), item).await)
            .buffer_unordered(ABREAST)
            .try_collect()
            .await
    }

    /// The connections that subscribe to an account.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn subscribers(
        &self,
        account: AccountId,
        now: Time,
    ) -> Result<Vec<ConnectionId>, Error> {
        let (mut found, mut after, mut more) = (Vec::new(), None, true);
        while more {
            let partition = Key::subscriptions(account);
            let page = self.table.page(&partition, after.as_deref(), PAGE, true).await?;
            more = page.1;
            for item in page.0 {
                after = item.get("sk").and_then(|sk| sk.as_s().ok().cloned());
                let SubscriptionItem { expires_at } = content("a subscription", item)?;
                let id = after.as_ref().and_then(|id| id.parse().ok());
                found.extend(id.filter(|_| now < Time::from_seconds(expires_at)));
            }
        }
        Ok(found)
    }

    /// Strikes a connection that is gone off an account's list.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn strike(&self, account: AccountId, id: &ConnectionId) -> Result<(), Error> {
        self.table.delete(&Key::subscription(account, id), None).await.map(drop)
    }

    /// Forgets a connection that is closed.
    ///
    /// # Errors
    /// When the table can't be written. What is left goes by itself after [`CONNECTION_LIFE`].
    pub async fn close(&self, id: &ConnectionId) -> Result<(), Error> {
        let (Conditional::Done(item) | Conditional::Refused(item)) =
            self.table.delete(&Key::connection(id), None).await?;
        let accounts = item.map(read).transpose()?.and_then(|connection| connection.accounts);
        stream::iter(accounts.unwrap_or_default())
            .map(async |account| self.strike(account, id).await)
            .buffer_unordered(ABREAST)
            .try_collect()
            .await
    }
}

fn read(item: Item) -> Result<ConnectionItem, Error> {
    content("a connection", item)
}

/// In seconds, with an hour for clocks and delays.
fn over(now: Time) -> i64 {
    (now + CONNECTION_LIFE).seconds_up() + 3600
}

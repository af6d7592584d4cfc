mod send_lease;

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

pub use send_lease::{SendLease, SendLeaseResult};

use super::{
    Error, Table,
    key::Key,
    table::{Conditional, Item, parse_item},
};
use model::{
    id::AccountId,
    push::{ConnectionId, MAX_CONNECTION_DURATION, Subscriber, Ticket},
    time::Time,
};

/// Accounts written or deleted in parallel.
const PARALLEL_WRITES: usize = 10;
/// Subscriptions per query.
const PAGE: usize = 1000;

/// WebSocket connections: their subscribers, cursors and send leases.
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

/// A connection's item without the attributes that only updates set while events are sent.
#[derive(Serialize, Deserialize)]
struct ConnectionItem {
    subscriber: Subscriber,
    /// Subscribed accounts, once the connection has subscribed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<AccountId>>,
    /// Counts the new events signalled while another process held the send lease.
    #[serde(default)]
    news: u64,
    /// TTL, in seconds.
    expires_at: i64,
}

/// Subscription of a connection to an account. The key holds all the data.
#[derive(Serialize, Deserialize)]
struct SubscriptionItem {
    /// TTL, in seconds.
    expires_at: i64,
}

impl ConnectionStore {
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Stores a ticket under its digest.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn put_ticket(
        &self,
        ticket: &Ticket,
        subscriber: &Subscriber,
        until: Time,
    ) -> Result<(), Error> {
        let item = TicketItem {
            subscriber: subscriber.clone(),
            good_until: until.millis(),
            expires_at: until.seconds_ceil(),
        };
        self.table.put(&Key::ticket(&ticket.digest()), &item).await
    }

    /// Redeems a ticket and returns its subscriber; `None` if it doesn't exist or has expired. A
    /// ticket is valid once.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn redeem(&self, ticket: &Ticket, now: Time) -> Result<Option<Subscriber>, Error> {
        let taken = match self.table.delete(&Key::ticket(&ticket.digest()), None).await? {
            Conditional::Done(taken) | Conditional::Refused(taken) => taken,
        };
        let Some(item) = taken else { return Ok(None) };
        let TicketItem { subscriber, good_until, .. } = parse_item("a ticket", item)?;
        Ok((now.millis() < good_until).then_some(subscriber))
    }

    /// Stores an open connection.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn open(
        &self,
        id: &ConnectionId,
        subscriber: Subscriber,
        now: Time,
    ) -> Result<(), Error> {
        let expires_at = expires_at(now);
        let item = ConnectionItem { subscriber, accounts: None, news: 0, expires_at };
        self.table.put(&Key::connection(id), &item).await
    }

    /// Returns the subscriber of a connection.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn find(&self, id: &ConnectionId) -> Result<Option<Subscriber>, Error> {
        let item = self.table.get(&Key::connection(id), true).await?;
        Ok(item.map(read).transpose()?.map(|connection| connection.subscriber))
    }

    /// Adds a connection to the subscribers of these accounts.
    async fn add_to_subscribers(
        &self,
        id: &ConnectionId,
        accounts: &[AccountId],
        now: Time,
    ) -> Result<(), Error> {
        let item = &SubscriptionItem { expires_at: expires_at(now) };
        stream::iter(accounts)
            .map(async |account| self.table.put(&Key::subscription(*account, id), item).await)
            .buffer_unordered(PARALLEL_WRITES)
            .try_collect()
            .await
    }

    /// Returns the connections that subscribe to an account.
    ///
    /// # Errors
    /// Fails when the table can't be read.
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
                let SubscriptionItem { expires_at } = parse_item("a subscription", item)?;
                let id = after.as_ref().and_then(|id| id.parse().ok());
                found.extend(id.filter(|_| now < Time::from_seconds(expires_at)));
            }
        }
        Ok(found)
    }

    /// Removes a closed connection from an account's subscribers.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn unsubscribe(&self, account: AccountId, id: &ConnectionId) -> Result<(), Error> {
        self.table.delete(&Key::subscription(account, id), None).await.map(drop)
    }

    /// Deletes a closed connection and its subscriptions.
    ///
    /// # Errors
    /// Fails when the table can't be written. Remaining items expire by TTL.
    pub async fn close(&self, id: &ConnectionId) -> Result<(), Error> {
        let (Conditional::Done(item) | Conditional::Refused(item)) =
            self.table.delete(&Key::connection(id), None).await?;
        let accounts = item.map(read).transpose()?.and_then(|connection| connection.accounts);
        stream::iter(accounts.unwrap_or_default())
            .map(async |account| self.unsubscribe(account, id).await)
            .buffer_unordered(PARALLEL_WRITES)
            .try_collect()
            .await
    }
}

fn read(item: Item) -> Result<ConnectionItem, Error> {
    parse_item("a connection", item)
}

/// In seconds, with a margin of one hour for clock differences and delays.
fn expires_at(now: Time) -> i64 {
    (now + MAX_CONNECTION_DURATION).seconds_ceil() + 3600
}

//! Sending events to connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use api::{PushMessage, encode_position};
use futures::{StreamExt, TryStreamExt, stream};
use model::{
    event::REORDER_WINDOW,
    id::AccountId,
    push::{ConnectionId, MAX_SUBSCRIBERS},
};
use store::{Batch, Error, NextRead, Posted, ReadLimits, SendLease, SendLeaseResult};

use crate::{Invocation, Pusher};

/// Number of connections served concurrently: all that an account may have, since most of the time
/// is waiting.
const MAX_CONCURRENT: usize = MAX_SUBSCRIBERS;

/// Limits of one message: with its cursor it stays below API Gateway's 128 KB.
const MESSAGE_LIMITS: ReadLimits = ReadLimits { events: 100, bytes: 110 * 1024 };

/// Time limit for sending to a client that asked for events. API Gateway times out after 29 s, and
/// by then the send lease may have passed to another invocation.
const PING_TIME_LIMIT: Duration = Duration::from_secs(20);

/// Time limit for sending new events from the stream, since those of other accounts wait behind
/// them. If events remain, the client gets `more` and asks for them.
const STREAM_TIME_LIMIT: Duration = Duration::from_millis(1500);

/// Poll interval while another invocation holds the send lease.
const LEASE_POLL_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SendResult {
    All,
    /// The time limit was reached.
    Partial,
    /// Another invocation holds the send lease.
    LeaseTaken,
    /// The connection is closed or has no subscription.
    Gone,
}

impl Pusher {
    /// Sends new events to the subscribers of these accounts.
    pub(crate) async fn fan_out(
        &self,
        accounts: BTreeSet<AccountId>,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let found = stream::iter(accounts)
            .map(async |account| Ok((account, self.connections.subscribers(account, now).await?)));
        let found: Vec<_> = found.buffer_unordered(MAX_CONCURRENT).try_collect().await?;
        let mut connections: BTreeMap<ConnectionId, Vec<AccountId>> = BTreeMap::new();
        for (account, ids) in found {
            ids.into_iter().for_each(|id| connections.entry(id).or_default().push(account));
        }
        stream::iter(connections)
            .map(async |(id, accounts)| {
                if self.send_with_lease(&id, STREAM_TIME_LIMIT, invocation).await?
                    == SendResult::Gone
                {
                    for account in accounts {
                        self.connections.unsubscribe(account, &id).await?;
                    }
                }
                Ok(())
            })
            .buffer_unordered(MAX_CONCURRENT)
            // A failed connection doesn't hold up the others.
            .fold(Ok(()), async |all, one| all.and(one))
            .await
    }

    /// Answers a client's `ping`: sends the remaining events, or `pong` if there are none.
    pub(crate) async fn drain(
        &self,
        id: &ConnectionId,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let until = self.clock.now() + PING_TIME_LIMIT;
        loop {
            match self.send_with_lease(id, PING_TIME_LIMIT, invocation).await? {
                // Without a subscription there is nothing to send. To a closed connection, sending
                // has no effect.
                SendResult::All | SendResult::Gone => {
                    return self.post(id, &PushMessage::Pong).await.map(drop);
                }
                SendResult::Partial => return Ok(()),
                SendResult::LeaseTaken if self.clock.now() + LEASE_POLL_INTERVAL < until => {
                    tokio::time::sleep(LEASE_POLL_INTERVAL).await;
                }
                // The holder of the send lease may have crashed.
                SendResult::LeaseTaken => return self.post(id, &PushMessage::More).await.map(drop),
            }
        }
    }

    /// Confirms a subscription and sends its events. The confirmation is sent under the send lease,
    /// so that no event precedes it.
    pub(crate) async fn confirm_subscription(
        &self,
        turn: Box<SendLease>,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let told = self.post(&turn.connection, &PushMessage::Subscribed).await;
        if !matches!(told, Ok(Posted::Sent)) {
            self.release_lease(turn).await?;
            return told.map(drop);
        }
        self.deliver(turn, invocation.within(PING_TIME_LIMIT, self.clock.now())).await.map(drop)
    }

    /// Acquires the connection's send lease and sends, if the lease is free.
    async fn send_with_lease(
        &self,
        id: &ConnectionId,
        patience: Duration,
        invocation: Invocation<'_>,
    ) -> Result<SendResult, Error> {
        let now = self.clock.now();
        if invocation.deadline <= now {
            return Err(Error::Unavailable("no time left to send events".to_owned()));
        }
        match self.connections.acquire_send_lease(id, now).await? {
            SendLeaseResult::Acquired(turn) => {
                self.deliver(turn, invocation.within(patience, now)).await
            }
            SendLeaseResult::HeldByOther => Ok(SendResult::LeaseTaken),
            SendLeaseResult::NothingToSend => Ok(SendResult::Gone),
        }
    }

    /// Sends while there are new events, then releases the send lease.
    async fn deliver(
        &self,
        mut turn: Box<SendLease>,
        invocation: Invocation<'_>,
    ) -> Result<SendResult, Error> {
        let id = turn.connection.clone();
        loop {
            // The lease is released after a failure as well, with the position reached before it.
            let sent = self.send(&mut turn, invocation).await;
            let Some(again) = self.connections.release_send_lease(turn).await? else {
                return self.announce_remaining(&id, sent?).await;
            };
            if !matches!(sent, Ok(SendResult::All)) {
                self.release_lease(again).await?;
                return self.announce_remaining(&id, sent?).await;
            }
            turn = again;
        }
    }

    /// Releases a send lease even if new events were reported; another invocation sends them.
    async fn release_lease(&self, mut turn: Box<SendLease>) -> Result<(), Error> {
        while let Some(again) = self.connections.release_send_lease(turn).await? {
            turn = again;
        }
        Ok(())
    }

    /// Sends `more`, after which the client asks for the remaining events. This follows the
    /// release, since the client's request would otherwise find the lease taken.
    async fn announce_remaining(
        &self,
        id: &ConnectionId,
        sent: SendResult,
    ) -> Result<SendResult, Error> {
        if sent == SendResult::Partial && self.post(id, &PushMessage::More).await? == Posted::Gone {
            return Ok(SendResult::Gone);
        }
        Ok(sent)
    }

    /// Sends all events after the lease's position, within the time limit.
    async fn send(
        &self,
        turn: &mut SendLease,
        invocation: Invocation<'_>,
    ) -> Result<SendResult, Error> {
        let id = turn.connection.clone();
        while self.clock.now() < invocation.deadline {
            if !self.accounts.may_receive_events(&turn.subscriber, self.clock.now()).await? {
                self.disconnect(&id, invocation).await?;
                return Ok(SendResult::Gone);
            }
            let mut position = turn.position.clone();
            let Batch { events, next_read: rest } =
                self.events.read(&turn.accounts, &mut position, MESSAGE_LIMITS).await?;
            if !events.is_empty() {
                let events = events.into_iter().map(Into::into).collect();
                let message = PushMessage::Events { events, cursor: encode_position(&position) };
                if self.post(&id, &message).await? == Posted::Gone {
                    return Ok(SendResult::Gone);
                }
            }
            turn.position = position;
            let now = self.clock.now();
            match rest {
                NextRead::OnNewEvent => return Ok(SendResult::All),
                NextRead::Immediately => {}
                NextRead::At(time) if time > invocation.deadline => break,
                // Under steady traffic, some events are always within the reorder window. Waiting
                // at least that long sends more events per message.
                NextRead::At(time) => tokio::time::sleep(time.since(now).max(REORDER_WINDOW)).await,
            }
        }
        Ok(SendResult::Partial)
    }
}

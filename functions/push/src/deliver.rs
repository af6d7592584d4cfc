//! Sending events to connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};
use shared::{
    api::{PushMessage, encode_position},
    aws::{Error, Extent, Portion, Posted, Rest, Turn, Turned},
    event::SETTLING,
    id::AccountId,
    push::{ConnectionId, MOST_SUBSCRIBERS},
};

use crate::{Invocation, Pusher};

/// Number of connections served concurrently: all that an account may have, since most of the time
/// is waiting.
const ABREAST: usize = MOST_SUBSCRIBERS;

/// Limits of one message: with its cursor it stays below API Gateway's 128 KB.
const MESSAGE: Extent = Extent { events: 100, bytes: 110 * 1024 };

/// Time limit for sending to a client that asked for events. API Gateway times out after 29 s, and
/// by then the send lease may have passed to another invocation.
const ASKED: Duration = Duration::from_secs(20);

/// Time limit for sending new events from the stream, since those of other accounts wait behind
/// them. If events remain, the client is told to ask for them.
const TOLD: Duration = Duration::from_millis(1500);

/// Poll interval while another invocation holds the send lease.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    All,
    /// The time limit was reached.
    Part,
    /// Another invocation holds the send lease.
    Elsewhere,
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
        let found: Vec<_> = found.buffer_unordered(ABREAST).try_collect().await?;
        let mut connections: BTreeMap<ConnectionId, Vec<AccountId>> = BTreeMap::new();
        for (account, ids) in found {
            ids.into_iter().for_each(|id| connections.entry(id).or_default().push(account));
        }
        stream::iter(connections)
            .map(async |(id, accounts)| {
                if self.take_turn(&id, TOLD, invocation).await? == Sent::Gone {
                    for account in accounts {
                        self.connections.strike(account, &id).await?;
                    }
                }
                Ok(())
            })
            .buffer_unordered(ABREAST)
            // A failed connection doesn't hold up the others.
            .fold(Ok(()), async |all, one| all.and(one))
            .await
    }

    /// Answers a client's `ping`: sends the remaining events, or `pong` if there are none.
    pub(crate) async fn catch_up(
        &self,
        id: &ConnectionId,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let until = self.clock.now() + ASKED;
        loop {
            match self.take_turn(id, ASKED, invocation).await? {
                // Without a subscription there is nothing to send. To a closed connection, sending
                // has no effect.
                Sent::All | Sent::Gone => return self.post(id, &PushMessage::Pong).await.map(drop),
                Sent::Part => return Ok(()),
                Sent::Elsewhere if self.clock.now() + PAUSE < until => {
                    tokio::time::sleep(PAUSE).await;
                }
                // The holder of the send lease may have crashed.
                Sent::Elsewhere => return self.post(id, &PushMessage::More).await.map(drop),
            }
        }
    }

    /// Confirms a subscription and sends its events. The confirmation is sent under the send lease,
    /// so that no event precedes it.
    pub(crate) async fn begin_with(
        &self,
        turn: Box<Turn>,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let told = self.post(&turn.connection, &PushMessage::Subscribed).await;
        if !matches!(told, Ok(Posted::Sent)) {
            self.give_up(turn).await?;
            return told.map(drop);
        }
        self.deliver(turn, invocation.within(ASKED, self.clock.now())).await.map(drop)
    }

    /// Acquires the connection's send lease and sends, if the lease is free.
    async fn take_turn(
        &self,
        id: &ConnectionId,
        patience: Duration,
        invocation: Invocation<'_>,
    ) -> Result<Sent, Error> {
        let now = self.clock.now();
        if invocation.deadline <= now {
            return Err(Error::Unavailable("no time left to send events".to_owned()));
        }
        match self.connections.begin(id, now).await? {
            Turned::Given(turn) => self.deliver(turn, invocation.within(patience, now)).await,
            Turned::Taken => Ok(Sent::Elsewhere),
            Turned::Idle => Ok(Sent::Gone),
        }
    }

    /// Sends while there are new events, then releases the send lease.
    async fn deliver(
        &self,
        mut turn: Box<Turn>,
        invocation: Invocation<'_>,
    ) -> Result<Sent, Error> {
        let id = turn.connection.clone();
        loop {
            // The lease is released after a failure as well, with the position reached before it.
            let sent = self.send(&mut turn, invocation).await;
            let Some(again) = self.connections.end(turn).await? else {
                return self.told(&id, sent?).await;
            };
            if !matches!(sent, Ok(Sent::All)) {
                self.give_up(again).await?;
                return self.told(&id, sent?).await;
            }
            turn = again;
        }
    }

    /// Releases a send lease even if new events were reported; another invocation sends them.
    async fn give_up(&self, mut turn: Box<Turn>) -> Result<(), Error> {
        while let Some(again) = self.connections.end(turn).await? {
            turn = again;
        }
        Ok(())
    }

    /// Tells the client to ask for the remaining events. This follows the release, since the
    /// client's request would otherwise find the lease taken.
    async fn told(&self, id: &ConnectionId, sent: Sent) -> Result<Sent, Error> {
        if sent == Sent::Part && self.post(id, &PushMessage::More).await? == Posted::Gone {
            return Ok(Sent::Gone);
        }
        Ok(sent)
    }

    /// Sends all events after the lease's position, within the time limit.
    async fn send(&self, turn: &mut Turn, invocation: Invocation<'_>) -> Result<Sent, Error> {
        let id = turn.connection.clone();
        while self.clock.now() < invocation.deadline {
            if !self.accounts.admits(&turn.subscriber, self.clock.now()).await? {
                self.turn_away(&id, invocation).await?;
                return Ok(Sent::Gone);
            }
            let mut position = turn.position.clone();
            let Portion { events, rest } =
                self.events.read(&turn.accounts, &mut position, MESSAGE).await?;
            if !events.is_empty() {
                let events = events.into_iter().map(Into::into).collect();
                let message = PushMessage::Events { events, cursor: encode_position(&position) };
                if self.post(&id, &message).await? == Posted::Gone {
                    return Ok(Sent::Gone);
                }
            }
            turn.position = position;
            let now = self.clock.now();
            match rest {
                Rest::Nothing => return Ok(Sent::All),
                Rest::Now => {}
                Rest::From(time) if time > invocation.deadline => break,
                // Under steady traffic, some events are always within the reorder window. Waiting
                // at least that long sends more events per message.
                Rest::From(time) => tokio::time::sleep(time.since(now).max(SETTLING)).await,
            }
        }
        Ok(Sent::Part)
    }
}

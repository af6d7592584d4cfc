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

/// To how many connections events are sent side by side: all that an account may have, since most of the time is waiting.
const ABREAST: usize = MOST_SUBSCRIBERS;

/// How much one message holds: with its cursor less than the 128 KB that API Gateway takes.
const MESSAGE: Extent = Extent { events: 100, bytes: 110 * 1024 };

/// How long sending goes on at most for a client that asked for it: the gateway waits for 29 s, and what took longer might be somebody else's
/// turn already.
const ASKED: Duration = Duration::from_secs(20);

/// How long it goes on for news: those of other accounts wait behind it. A client that isn't sent everything by then is told to ask.
const TOLD: Duration = Duration::from_millis(1500);

/// Between two looks at whether somebody else is still sending.
const PAUSE: Duration = Duration::from_secs(1);

/// How far sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// Everything was sent.
    All,
    /// What there was time for.
    Part,
    /// It is somebody else's turn.
    Elsewhere,
    /// Nobody is there any more.
    Gone,
}

impl Pusher {
    /// Sends what is new to whoever subscribes to these accounts.
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
            // One that fails keeps nobody else from hearing.
            .fold(Ok(()), async |all, one| all.and(one))
            .await
    }

    /// Sends what there is to a client that asks for it, and tells it when that was all.
    pub(crate) async fn catch_up(
        &self,
        id: &ConnectionId,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let until = self.clock.now() + ASKED;
        loop {
            match self.take_turn(id, ASKED, invocation).await? {
                // Where nothing is subscribed to there is nothing to send; and where nobody is, nobody hears it.
                Sent::All | Sent::Gone => return self.post(id, &PushMessage::Pong).await.map(drop),
                Sent::Part => return Ok(()),
                Sent::Elsewhere if self.clock.now() + PAUSE < until => {
                    tokio::time::sleep(PAUSE).await;
                }
                // Whoever has the turn may have died.
                Sent::Elsewhere => return self.post(id, &PushMessage::More).await.map(drop),
            }
        }
    }

    /// Tells a client that it subscribes, in its own turn, or events would come before that; and sends what there is.
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

    /// Takes the turn to send to a connection, if it is free.
    async fn take_turn(
        &self,
        id: &ConnectionId,
        patience: Duration,
        invocation: Invocation<'_>,
    ) -> Result<Sent, Error> {
        let now = self.clock.now();
        if invocation.deadline <= now {
            return Err(Error::Unavailable("no time is left to send events".to_owned()));
        }
        match self.connections.begin(id, now).await? {
            Turned::Given(turn) => self.deliver(turn, invocation.within(patience, now)).await,
            Turned::Taken => Ok(Sent::Elsewhere),
            Turned::Idle => Ok(Sent::Gone),
        }
    }

    /// Sends for as long as there is news, and ends the turn.
    async fn deliver(
        &self,
        mut turn: Box<Turn>,
        invocation: Invocation<'_>,
    ) -> Result<Sent, Error> {
        let id = turn.connection.clone();
        loop {
            // A turn is ended also after a failure, with what was sent before it.
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

    /// Ends a turn whatever news there is: somebody else will see to it.
    async fn give_up(&self, mut turn: Box<Turn>) -> Result<(), Error> {
        while let Some(again) = self.connections.end(turn).await? {
            turn = again;
        }
        Ok(())
    }

    /// Tells a client that it has to ask for the rest: once the turn is over, or its question might meet it.
    async fn told(&self, id: &ConnectionId, sent: Sent) -> Result<Sent, Error> {
        if sent == Sent::Part && self.post(id, &PushMessage::More).await? == Posted::Gone {
            return Ok(Sent::Gone);
        }
        Ok(sent)
    }

    /// Sends everything behind the turn's position, as far as the time allows.
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
                // Under steady traffic something is always held back: what comes within this time is sent together.
                Rest::From(time) => tokio::time::sleep(time.since(now).max(SETTLING)).await,
            }
        }
        Ok(Sent::Part)
    }
}

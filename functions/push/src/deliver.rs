//! Sending events to connections.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use shared::{
    api::{Problem, PushMessage, encode_position},
    aws::{Error, Extent, Portion, Posted, Rest, Turn, Turned},
    id::AccountId,
    push::{ConnectionId, MOST_SUBSCRIBERS},
};

use crate::{Invocation, Pusher};

/// To how many connections events are sent side by side.
const ABREAST: usize = 25;

/// How much one message holds, with what stands around the data well below the 128 KB that API Gateway takes.
const MESSAGE: Extent = Extent { events: 100, bytes: 80 * 1024 };

/// How long sending goes on at most for a client that asked for it: the gateway waits for 29 s, and what took longer might be somebody else's
/// turn already.
const ASKED: Duration = Duration::from_secs(20);

/// How long it goes on for news: those of other accounts wait behind it. A client that isn't sent everything by then is told to ask.
const TOLD: Duration = Duration::from_millis(1500);

/// What is kept of an invocation's time for ending its turns.
const TO_END: Duration = Duration::from_secs(5);

/// How far sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// Everything.
    All,
    /// What there was time for.
    Some,
    /// Nobody is there any more.
    Gone,
}

impl Pusher {
    /// Sends what is new to whoever subscribes to these accounts.
    pub(crate) async fn spread(
        &self,
        accounts: BTreeSet<AccountId>,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let found = stream::iter(accounts)
            .map(async |account| self.connections.subscribers(account, MOST_SUBSCRIBERS, now).await);
        let found: Vec<Vec<ConnectionId>> = found.buffer_unordered(ABREAST).try_collect().await?;
        let connections: BTreeSet<_> = found.into_iter().flatten().collect();
        stream::iter(connections)
            .map(async |id| self.deliver(&id, TOLD, invocation).await)
            .buffer_unordered(ABREAST)
            // One that fails keeps nobody else from hearing.
            .fold(Ok(()), async |all, one| all.and(one.map(drop)))
            .await
    }

    /// Sends what there is to a client that asked for it, and tells whether that was all.
    pub(crate) async fn catch_up(
        &self,
        id: &ConnectionId,
        invocation: Invocation<'_>,
    ) -> Result<bool, Error> {
        Ok(self.deliver(id, ASKED, invocation).await? == Sent::All)
    }

    /// Takes the turn to send to a connection, for as long as there is news; if somebody else has it, that one sends.
    async fn deliver(
        &self,
        id: &ConnectionId,
        patience: Duration,
        invocation: Invocation<'_>,
    ) -> Result<Sent, Error> {
        let now = self.clock.now();
        let invocation =
            Invocation { deadline: (invocation.deadline - TO_END).min(now + patience), ..invocation };
        let Turned::Given(mut turn) = self.connections.begin(id, now).await? else { return Ok(Sent::All) };
        loop {
            // A turn is ended also after a failure, with what was sent before it.
            let sent = self.send(&mut turn, invocation).await;
            let Some(again) = self.connections.end(turn).await? else { return sent };
            turn = again;
            if !matches!(sent, Ok(Sent::All)) {
                // The client asks for the rest, or the invocation is repeated: whatever the news was.
                while let Some(again) = self.connections.end(turn).await? {
                    turn = again;
                }
                return sent;
            }
        }
    }

    /// Sends everything behind the turn's position, as far as the time allows.
    async fn send(&self, turn: &mut Turn, invocation: Invocation<'_>) -> Result<Sent, Error> {
        let id = turn.connection.clone();
        if !self.accounts.admits(&turn.subscriber, self.clock.now()).await? {
            self.complain(&id, &Problem::Unauthenticated, invocation).await?;
            self.connections.close(&id).await?;
            self.sockets.close(&id).await?;
            return Ok(Sent::Gone);
        }
        while self.clock.now() < invocation.deadline {
            let mut position = turn.position.clone();
            let Portion { events, rest } = self.events.read(&turn.accounts, &mut position, MESSAGE).await?;
            if !events.is_empty() {
                let events = events.into_iter().map(Into::into).collect();
                let message = PushMessage::Events { events, cursor: encode_position(&position) };
                if self.post(&id, &message).await? == Posted::Gone {
                    return Ok(Sent::Gone);
                }
            }
            turn.position = position;
            match rest {
                Rest::None => return Ok(Sent::All),
                Rest::Now => {}
                Rest::From(time) => tokio::time::sleep(time.since(self.clock.now())).await,
            }
        }
        self.post(&id, &PushMessage::More).await?;
        Ok(Sent::Some)
    }
}

//! What clients say on their connections.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use shared::{
    api::{Problem, PushMessage, PushRequest, decode_start},
    aws::{Error, Posted},
    event::{MOST_ACCOUNTS, Position, Start},
    id::AccountId,
    push::{ConnectionId, MOST_SUBSCRIBERS, Subscriber},
    schema::Violation,
};

use crate::{Invocation, Pusher};

impl Pusher {
    /// Does what a client says, or tells it why not.
    pub(crate) async fn hear(
        &self,
        id: &ConnectionId,
        text: &str,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let Some(subscriber) = self.connections.find(id).await? else {
            // It was told to close, or its opening came to nothing.
            return self.sockets.close(id).await;
        };
        let answer = match read(text) {
            Ok(PushRequest::Ping) => {
                if self.catch_up(id, invocation).await? {
                    self.post(id, &PushMessage::Pong).await?;
                }
                return Ok(());
            }
            Ok(PushRequest::Subscribe { accounts, after }) => {
                let named = accounts.into_iter().collect();
                self.subscribe(id, &subscriber, named, after.as_deref()).await?
            }
            Err(problem) => Err(problem),
        };
        if let Err(problem) = answer {
            return self.complain(id, &problem, invocation).await;
        }
        if self.post(id, &PushMessage::Subscribed).await? == Posted::Sent {
            self.catch_up(id, invocation).await?;
        }
        Ok(())
    }

    /// Has the connection subscribe, if it may.
    async fn subscribe(
        &self,
        id: &ConnectionId,
        subscriber: &Subscriber,
        named: BTreeSet<AccountId>,
        after: Option<&str>,
    ) -> Result<Result<(), Problem>, Error> {
        let now = self.clock.now();
        let mut violations = Vec::new();
        if named.len() > MOST_ACCOUNTS {
            violations.push(Violation::new("/accounts", format!("has more than {MOST_ACCOUNTS} accounts")));
        }
        let start = decode_start(after).unwrap_or_else(|error| {
            violations.push(Violation::new("/after", error.to_string()));
            Start::Oldest
        });
        if !violations.is_empty() {
            return Ok(Err(Problem::InvalidBody(violations)));
        }
        if !self.accounts.admits(subscriber, now).await? {
            return Ok(Err(Problem::Unauthenticated));
        }
        let Some(accounts) = self.accounts.visible(subscriber, named, now).await? else {
            return Ok(Err(Problem::NotFound));
        };
        let counts =
            accounts.iter().map(|account| self.connections.subscribers(*account, MOST_SUBSCRIBERS, now));
        if try_join_all(counts).await?.iter().any(|there| there.len() >= MOST_SUBSCRIBERS) {
            return Ok(Err(Problem::TooManySubscribers));
        }
        let position = match start {
            Start::Oldest => Position::oldest(now),
            Start::Now => self.events.now(&accounts).await?,
            Start::After(position) => position,
        };
        let done = self.connections.subscribe(id, &accounts, &position, now).await?;
        Ok(if done { Ok(()) } else { Err(Problem::Subscribed) })
    }
}

fn read(text: &str) -> Result<PushRequest, Problem> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default();
            Problem::InvalidBody(vec![Violation::new("", why)])
        }
        _ => Problem::MalformedJson { detail: format!("{error}.") },
    })
}

//! Messages from clients.

use std::collections::BTreeSet;

use shared::{
    api::{Problem, PushMessage, PushRequest, decode_start},
    aws::{Error, Turned},
    event::{MOST_ACCOUNTS, Position, Start},
    id::AccountId,
    push::{ConnectionId, MOST_SUBSCRIBERS, Subscriber},
    schema::Violation,
};

use crate::{Invocation, Pusher};

/// Maximum length of a parse error sent to the client, which may quote its message.
const MOST_SAID: usize = 200;

impl Pusher {
    /// Handles a client's message, or answers with a problem.
    pub(crate) async fn hear(
        &self,
        id: &ConnectionId,
        text: &str,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let Some(subscriber) = self.connections.find(id).await? else {
            // The connection is being closed, or opening it failed.
            return self.sockets.close(id).await;
        };
        let turned = match read(text) {
            Ok(PushRequest::Ping) => return self.catch_up(id, invocation).await,
            Ok(PushRequest::Subscribe { accounts, after }) => {
                let named = accounts.into_iter().collect();
                self.subscribe(id, &subscriber, named, after.as_deref()).await?
            }
            Err(problem) => Err(problem),
        };
        match turned {
            Err(Problem::Unauthenticated) => self.turn_away(id, invocation).await,
            Err(problem) => self.complain(id, &problem, invocation).await,
            Ok(Turned::Given(turn)) => self.begin_with(turn, invocation).await,
            // The connection was subscribed before, and another invocation is sending to it.
            Ok(Turned::Taken | Turned::Idle) => {
                self.post(id, &PushMessage::Subscribed).await?;
                self.catch_up(id, invocation).await
            }
        }
    }

    /// Subscribes the connection, if its key allows that.
    async fn subscribe(
        &self,
        id: &ConnectionId,
        subscriber: &Subscriber,
        named: BTreeSet<AccountId>,
        after: Option<&str>,
    ) -> Result<Result<Turned, Problem>, Error> {
        let now = self.clock.now();
        let mut violations = Vec::new();
        if named.len() > MOST_ACCOUNTS {
            violations.push(Violation::new(
                "/accounts",
                format!("must have at most {MOST_ACCOUNTS} accounts"),
            ));
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
        // Counted per account, so that a tenant can exhaust only its own limit.
        if !subscriber.is_admin
            && self.connections.subscribers(subscriber.account, now).await?.len()
                >= MOST_SUBSCRIBERS
        {
            return Ok(Err(Problem::TooManySubscribers));
        }
        let position = match start {
            Start::Oldest => Position::oldest(now),
            Start::Now => self.events.now(&accounts).await?,
            Start::After(position) => position,
        };
        let turned = self.connections.subscribe(id, &accounts, &position, now).await?;
        Ok(turned.ok_or(Problem::Subscribed))
    }
}

fn read(text: &str) -> Result<PushRequest, Problem> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default();
            Problem::InvalidBody(vec![Violation::new(
                "",
                why.chars().take(MOST_SAID).collect::<String>(),
            )])
        }
        _ => Problem::MalformedJson { detail: format!("{error}.") },
    })
}

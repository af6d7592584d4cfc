//! Messages from clients.

use std::collections::BTreeSet;

use api::{Problem, PushMessage, PushRequest, decode_start};
use model::{
    event::{MAX_ACCOUNTS, ReadCursor, ReadFrom},
    id::AccountId,
    push::{ConnectionId, MAX_SUBSCRIBERS, Subscriber},
    violation::Violation,
};
use store::{Error, SendLeaseResult};

use crate::{Invocation, Pusher};

/// Maximum length of a parse error sent to the client, which may quote its message.
const MAX_ERROR_LENGTH: usize = 200;

impl Pusher {
    /// Handles a client's message, or answers with a problem.
    pub(crate) async fn on_message(
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
            Ok(PushRequest::Ping) => return self.drain(id, invocation).await,
            Ok(PushRequest::Subscribe { accounts, after }) => {
                let named = accounts.into_iter().collect();
                self.subscribe(id, &subscriber, named, after.as_deref()).await?
            }
            Err(problem) => Err(problem),
        };
        match turned {
            Err(Problem::Unauthenticated) => self.disconnect(id, invocation).await,
            Err(problem) => self.send_error(id, &problem, invocation).await,
            Ok(SendLeaseResult::Acquired(turn)) => {
                self.confirm_subscription(turn, invocation).await
            }
            // The connection was subscribed before, and another invocation is sending to it.
            Ok(SendLeaseResult::HeldByOther | SendLeaseResult::NothingToSend) => {
                self.post(id, &PushMessage::Subscribed).await?;
                self.drain(id, invocation).await
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
    ) -> Result<Result<SendLeaseResult, Problem>, Error> {
        let now = self.clock.now();
        let mut violations = Vec::new();
        if named.len() > MAX_ACCOUNTS {
            violations.push(Violation::new(
                "/accounts",
                format!("must have at most {MAX_ACCOUNTS} accounts"),
            ));
        }
        let start = decode_start(after).unwrap_or_else(|error| {
            violations.push(Violation::new("/after", error.to_string()));
            ReadFrom::Oldest
        });
        if !violations.is_empty() {
            return Ok(Err(Problem::InvalidBody(violations)));
        }
        if !self.accounts.may_receive_events(subscriber, now).await? {
            return Ok(Err(Problem::Unauthenticated));
        }
        let Some(accounts) = self.accounts.visible_accounts(subscriber, named, now).await? else {
            return Ok(Err(Problem::NotFound));
        };
        // Counted per account, so that a tenant can exhaust only its own limit.
        if !subscriber.is_admin
            && self.connections.subscribers(subscriber.account, now).await?.len() >= MAX_SUBSCRIBERS
        {
            return Ok(Err(Problem::TooManySubscribers));
        }
        let position = match start {
            ReadFrom::Oldest => ReadCursor::oldest(now),
            ReadFrom::Now => self.events.end_cursor(&accounts).await?,
            ReadFrom::After(position) => position,
        };
        let turned = self.connections.subscribe(id, &accounts, &position, now).await?;
        Ok(turned.ok_or(Problem::AlreadySubscribed))
    }
}

fn read(text: &str) -> Result<PushRequest, Problem> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default();
            Problem::InvalidBody(vec![Violation::new(
                "",
                why.chars().take(MAX_ERROR_LENGTH).collect::<String>(),
            )])
        }
        _ => Problem::MalformedJson { detail: format!("{error}.") },
    })
}

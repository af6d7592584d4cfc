//! Messages from clients.

use api::{Problem, PushMessage, PushRequest};
use model::{push::ConnectionId, violation::Violation};
use serde_json::error::Category;
use store::{Error, SendLeaseResult};

use crate::{
    context::{Context, Invocation},
    drain::{confirm_subscription, drain},
    socket::{disconnect, post, send_error},
    subscribe::{SubscribeError, subscribe},
};

/// Maximum length of a parse error sent to the client, which may quote its message.
const MAX_ERROR_LENGTH: usize = 200;

/// Handles a client's message, or answers with a problem.
pub async fn on_message(
    context: &Context,
    id: &ConnectionId,
    text: &str,
    invocation: Invocation<'_>,
) -> Result<(), Error> {
    let Some(subscriber) = context.connections.find(id).await? else {
        // The connection is being closed, or opening it failed.
        return context.sockets.close(id).await;
    };
    let result = match parse(text) {
        Ok(PushRequest::Ping) => return drain(context, id, invocation).await,
        Ok(PushRequest::Subscribe { accounts, after }) => {
            let accounts = accounts.into_iter().collect();
            subscribe(context, id, &subscriber, accounts, after.as_deref()).await
        }
        Err(problem) => Err(problem.into()),
    };
    match result {
        Ok(SendLeaseResult::Acquired(lease)) => {
            confirm_subscription(context, lease, invocation).await
        }
        // The connection was subscribed before, and another invocation is sending to it.
        Ok(SendLeaseResult::HeldByOther | SendLeaseResult::NothingToSend) => {
            post(context, id, &PushMessage::Subscribed).await?;
            drain(context, id, invocation).await
        }
        Err(SubscribeError::Rejected(Problem::Unauthenticated)) => {
            disconnect(context, id, invocation).await
        }
        Err(SubscribeError::Rejected(problem)) => {
            send_error(context, id, &problem, invocation).await
        }
        Err(SubscribeError::Store(error)) => Err(error),
    }
}

fn parse(text: &str) -> Result<PushRequest, Problem> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => {
            let detail = error.to_string();
            let detail = detail.split(" at line ").next().unwrap_or_default();
            let detail: String = detail.chars().take(MAX_ERROR_LENGTH).collect();
            Problem::InvalidBody(vec![Violation::new("", detail)])
        }
        _ => Problem::MalformedJson { detail: format!("{error}.") },
    })
}

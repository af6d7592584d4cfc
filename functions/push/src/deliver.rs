//! Sends events to a connection under its send lease.

use std::time::Duration;

use api::{PushMessage, encode_position};
use model::{
    event::{Event, REORDER_WINDOW, ReadCursor},
    push::ConnectionId,
};
use store::{Batch, Error, NextRead, Posted, ReadLimits, SendLease, SendLeaseResult};

use crate::{
    context::{Context, Invocation},
    socket::{disconnect, post},
};

/// Limits of one message: with its cursor it stays below API Gateway's 128 KB.
const MESSAGE_LIMITS: ReadLimits = ReadLimits { events: 100, bytes: 110 * 1024 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendResult {
    All,
    /// The time limit was reached.
    Partial,
    /// Another invocation holds the send lease.
    LeaseTaken,
    /// The connection is closed or has no subscription.
    Gone,
}

/// Acquires the connection's send lease and sends, if the lease is free.
pub async fn send_with_lease(
    context: &Context,
    id: &ConnectionId,
    time_limit: Duration,
    invocation: Invocation<'_>,
) -> Result<SendResult, Error> {
    let now = context.clock.now();
    if invocation.deadline <= now {
        return Err(Error::Unavailable("no time left to send events".to_owned()));
    }
    match context.connections.acquire_send_lease(id, now).await? {
        SendLeaseResult::Acquired(lease) => {
            deliver(context, lease, invocation.within(time_limit, now)).await
        }
        SendLeaseResult::HeldByOther => Ok(SendResult::LeaseTaken),
        SendLeaseResult::NothingToSend => Ok(SendResult::Gone),
    }
}

/// Sends while there are new events, then releases the send lease.
pub async fn deliver(
    context: &Context,
    mut lease: Box<SendLease>,
    invocation: Invocation<'_>,
) -> Result<SendResult, Error> {
    let id = lease.connection.clone();
    loop {
        // The lease is released after a failure as well, with the position reached before it.
        let sent = send(context, &mut lease, invocation).await;
        let Some(renewed) = context.connections.release_send_lease(lease).await? else {
            return announce_remaining(context, &id, sent?).await;
        };
        if !matches!(sent, Ok(SendResult::All)) {
            release_lease(context, renewed).await?;
            return announce_remaining(context, &id, sent?).await;
        }
        lease = renewed;
    }
}

/// Releases a send lease even if new events were reported; another invocation sends them.
pub async fn release_lease(context: &Context, mut lease: Box<SendLease>) -> Result<(), Error> {
    while let Some(renewed) = context.connections.release_send_lease(lease).await? {
        lease = renewed;
    }
    Ok(())
}

/// Sends `more`, after which the client asks for the remaining events. This follows the release,
/// since the client's request would otherwise find the lease taken.
async fn announce_remaining(
    context: &Context,
    id: &ConnectionId,
    sent: SendResult,
) -> Result<SendResult, Error> {
    if sent == SendResult::Partial && post(context, id, &PushMessage::More).await? == Posted::Gone {
        return Ok(SendResult::Gone);
    }
    Ok(sent)
}

/// Sends all events after the lease's position, within the time limit.
async fn send(
    context: &Context,
    lease: &mut SendLease,
    invocation: Invocation<'_>,
) -> Result<SendResult, Error> {
    let id = lease.connection.clone();
    while context.clock.now() < invocation.deadline {
        if !context.accounts.may_receive_events(&lease.subscriber, context.clock.now()).await? {
            disconnect(context, &id, invocation).await?;
            return Ok(SendResult::Gone);
        }
        let mut cursor = lease.position.clone();
        let Batch { events, next_read } =
            context.events.read(&lease.accounts, &mut cursor, MESSAGE_LIMITS).await?;
        if !events.is_empty() && post_events(context, &id, events, &cursor).await? == Posted::Gone {
            return Ok(SendResult::Gone);
        }
        lease.position = cursor;
        let now = context.clock.now();
        match next_read {
            NextRead::OnNewEvent => return Ok(SendResult::All),
            NextRead::Immediately => {}
            NextRead::At(time) if time > invocation.deadline => break,
            // Under steady traffic, some events are always within the reorder window. Waiting at
            // least that long sends more events per message.
            NextRead::At(time) => tokio::time::sleep(time.since(now).max(REORDER_WINDOW)).await,
        }
    }
    Ok(SendResult::Partial)
}

async fn post_events(
    context: &Context,
    id: &ConnectionId,
    events: Vec<Event>,
    cursor: &ReadCursor,
) -> Result<Posted, Error> {
    let events = events.into_iter().map(Into::into).collect();
    let message = PushMessage::Events { events, cursor: encode_position(cursor) };
    post(context, id, &message).await
}

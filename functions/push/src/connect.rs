//! Opens a connection.

use model::push::{ConnectionId, Ticket};
use store::Error;

use crate::{context::Context, reply::Reply};

/// Opens a connection for a valid ticket, which can be used once.
pub async fn connect(
    context: &Context,
    id: &ConnectionId,
    ticket: Option<&str>,
) -> Result<Reply, Error> {
    let Some(ticket) = ticket.and_then(|text| text.parse::<Ticket>().ok()) else {
        return Ok(Reply::UNAUTHORIZED);
    };
    let now = context.clock.now();
    let Some(subscriber) = context.connections.redeem(&ticket, now).await? else {
        return Ok(Reply::UNAUTHORIZED);
    };
    if !context.accounts.may_receive_events(&subscriber, now).await? {
        return Ok(Reply::UNAUTHORIZED);
    }
    tracing::debug!(connection = %id, account = %subscriber.account, "connection opened");
    context.connections.open(id, subscriber, now).await?;
    Ok(Reply::OK)
}

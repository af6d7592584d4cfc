//! Opening a connection.

use model::push::{ConnectionId, Ticket};
use store::Error;

use crate::{Pusher, Reply};

impl Pusher {
    /// Opens a connection for a valid ticket, which can be used once.
    pub(crate) async fn connect(
        &self,
        id: &ConnectionId,
        ticket: Option<&str>,
    ) -> Result<Reply, Error> {
        let Some(ticket) = ticket.and_then(|text| text.parse::<Ticket>().ok()) else {
            return Ok(Reply::UNAUTHORIZED);
        };
        let now = self.clock.now();
        let Some(subscriber) = self.connections.redeem(&ticket, now).await? else {
            return Ok(Reply::UNAUTHORIZED);
        };
        if !self.accounts.may_receive_events(&subscriber, now).await? {
            return Ok(Reply::UNAUTHORIZED);
        }
        tracing::debug!(connection = %id, account = %subscriber.account, "connection opened");
        self.connections.open(id, subscriber, now).await?;
        Ok(Reply::OK)
    }
}

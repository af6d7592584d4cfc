//! Sends the remaining events to a client that asked for them.

use std::time::Duration;

use api::PushMessage;
use model::push::ConnectionId;
use store::{Error, Posted, SendLease};

use crate::{
    context::{Context, Invocation},
    deliver::{SendResult, deliver, release_lease, send_with_lease},
    socket::post,
};

/// Time limit for sending to a client that asked for events. API Gateway times out after 29 s, and
/// by then the send lease may have passed to another invocation.
const PING_TIME_LIMIT: Duration = Duration::from_secs(20);

/// Poll interval while another invocation holds the send lease.
const LEASE_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Answers a client's `ping`: sends the remaining events, or `pong` if there are none.
pub async fn drain(
    context: &Context,
    id: &ConnectionId,
    invocation: Invocation<'_>,
) -> Result<(), Error> {
    let until = context.clock.now() + PING_TIME_LIMIT;
    loop {
        match send_with_lease(context, id, PING_TIME_LIMIT, invocation).await? {
            // Without a subscription there is nothing to send. To a closed connection, sending has
            // no effect.
            SendResult::All | SendResult::Gone => {
                return post(context, id, &PushMessage::Pong).await.map(drop);
            }
            SendResult::Partial => return Ok(()),
            SendResult::LeaseTaken if context.clock.now() + LEASE_POLL_INTERVAL < until => {
                tokio::time::sleep(LEASE_POLL_INTERVAL).await;
            }
            // The holder of the send lease may have crashed.
            SendResult::LeaseTaken => {
                return post(context, id, &PushMessage::More).await.map(drop);
            }
        }
    }
}

/// Confirms a subscription and sends its events. The confirmation is sent under the send lease, so
/// that no event precedes it.
pub async fn confirm_subscription(
    context: &Context,
    lease: Box<SendLease>,
    invocation: Invocation<'_>,
) -> Result<(), Error> {
    let posted = post(context, &lease.connection, &PushMessage::Subscribed).await;
    if !matches!(posted, Ok(Posted::Sent)) {
        release_lease(context, lease).await?;
        return posted.map(drop);
    }
    let invocation = invocation.within(PING_TIME_LIMIT, context.clock.now());
    deliver(context, lease, invocation).await.map(drop)
}

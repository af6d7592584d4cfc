//! Sends messages to a connection and closes it.

use api::{Problem, PushMessage};
use model::push::ConnectionId;
use store::{Error, Posted};

use crate::context::{Context, Invocation};

/// Sends a message. Deletes the connection's item if the connection is closed.
pub async fn post(
    context: &Context,
    connection: &ConnectionId,
    message: &PushMessage,
) -> Result<Posted, Error> {
    let text = serde_json::to_string(message)
        .map_err(|error| Error::Corrupt("this version", error.to_string()))?;
    match context.sockets.post(connection, text).await {
        Ok(Posted::Sent) => Ok(Posted::Sent),
        Ok(Posted::Gone) => {
            context.connections.close(connection).await?;
            Ok(Posted::Gone)
        }
        // Sending it again would fail again. The client reconnects and continues at its cursor.
        Err(Error::Refused(cause)) => {
            tracing::error!(
                %connection, cause,
                "message refused, connection closed"
            );
            close(context, connection).await?;
            Ok(Posted::Gone)
        }
        Err(error) => Err(error),
    }
}

/// Reports an invalid key or token to the subscriber and closes the connection.
pub async fn disconnect(
    context: &Context,
    connection: &ConnectionId,
    invocation: Invocation<'_>,
) -> Result<(), Error> {
    send_error(context, connection, &Problem::Unauthenticated, invocation).await?;
    close(context, connection).await
}

pub async fn send_error(
    context: &Context,
    connection: &ConnectionId,
    problem: &Problem,
    invocation: Invocation<'_>,
) -> Result<(), Error> {
    let problem = problem.body(invocation.request_id);
    post(context, connection, &PushMessage::Error { problem }).await.map(drop)
}

async fn close(context: &Context, connection: &ConnectionId) -> Result<(), Error> {
    context.connections.close(connection).await?;
    context.sockets.close(connection).await
}

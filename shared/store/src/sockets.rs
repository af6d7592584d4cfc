use std::time::Duration;

use aws_sdk_apigatewaymanagement::{
    Client,
    config::{Builder, retry::RetryConfig, timeout::TimeoutConfig},
    error::SdkError,
    primitives::Blob,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::retry::ErrorKind;
use aws_types::SdkConfig;

use super::Error;
use model::push::ConnectionId;

/// Sends to WebSocket connections through API Gateway's `@connections` API.
#[derive(Clone, Debug)]
pub struct Sockets {
    client: Client,
}

/// Result of sending a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    Sent,
    /// The connection is closed.
    Gone,
}

impl Sockets {
    /// `address` is the URL of the gateway's `@connections` API.
    #[must_use]
    pub fn at(config: &SdkConfig, address: &str) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_timeout(Duration::from_secs(4))
            .build();
        let config = Builder::from(config)
            .endpoint_url(address)
            // A retry after a late response would deliver a message twice or out of order.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        Self { client: Client::from_conf(config.build()) }
    }

    /// Sends a message of at most 128 KB
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>).
    /// If the HTTP connection turns out to be closed, the call is repeated once: idle connections
    /// don't survive a freeze of the function.
    ///
    /// # Errors
    /// Fails when the gateway does not respond; the message may have been sent.
    pub async fn post(&self, connection: &ConnectionId, message: String) -> Result<Posted, Error> {
        let call = self.client.post_to_connection().connection_id(connection.as_str());
        let call = call.data(Blob::new(message));
        let mut answer = call.clone().send().await;
        if answer.as_ref().is_err_and(is_closed) {
            answer = call.send().await;
        }
        match answer {
            Ok(_) => Ok(Posted::Sent),
            Err(error) if is_gone(&error) => Ok(Posted::Gone),
            Err(error) => Err(Error::of("PostToConnection", &error)),
        }
    }

    /// Closes a connection. A closed connection is not an error.
    ///
    /// # Errors
    /// Fails when the gateway does not respond.
    pub async fn close(&self, connection: &ConnectionId) -> Result<(), Error> {
        match self.client.delete_connection().connection_id(connection.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(Error::of("DeleteConnection", &error)),
        }
    }
}

/// Whether the HTTP connection broke before a response arrived, as an idle one does after its peer
/// has closed it. A timeout is different: the message may have been delivered.
fn is_closed<E>(error: &SdkError<E, HttpResponse>) -> bool {
    let SdkError::DispatchFailure(failure) = error else { return false };
    failure.is_io() || failure.as_other() == Some(ErrorKind::TransientError)
}

fn is_gone<E>(error: &SdkError<E, HttpResponse>) -> bool {
    error.raw_response().is_some_and(|answer| answer.status().as_u16() == 410)
}

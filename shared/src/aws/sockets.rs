use aws_sdk_apigatewaymanagement::{
    Client, config::Builder, operation::post_to_connection::PostToConnectionError, primitives::Blob,
};
use aws_types::SdkConfig;

use super::Error;
use crate::push::ConnectionId;

/// The other ends of connections, as the gateway that holds them reaches them.
#[derive(Clone, Debug)]
pub struct Sockets {
    client: Client,
}

/// Whether somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It was sent.
    Sent,
    /// The connection is closed.
    Gone,
}

impl Sockets {
    /// Those of the gateway whose `@connections` are at this address.
    #[must_use]
    pub fn at(config: &SdkConfig, address: &str) -> Self {
        Self { client: Client::from_conf(Builder::from(config).endpoint_url(address).build()) }
    }

    /// Sends a message, of at most 128 KB
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>).
    ///
    /// # Errors
    /// When the gateway doesn't answer; the message may have been sent.
    pub async fn post(&self, connection: &ConnectionId, message: String) -> Result<Posted, Error> {
        let call = self.client.post_to_connection().connection_id(connection.as_str());
        match call.data(Blob::new(message)).send().await {
            Ok(_) => Ok(Posted::Sent),
            Err(error) => match error.as_service_error() {
                Some(PostToConnectionError::GoneException(_)) => Ok(Posted::Gone),
                _ => Err(Error::of("PostToConnection", &error)),
            },
        }
    }

    /// Closes a connection, unless it is closed already.
    ///
    /// # Errors
    /// When the gateway doesn't answer.
    pub async fn close(&self, connection: &ConnectionId) -> Result<(), Error> {
        match self.client.delete_connection().connection_id(connection.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_gone_exception()) => Ok(()),
            Err(error) => Err(Error::of("DeleteConnection", &error)),
        }
    }
}

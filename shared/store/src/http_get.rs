use std::{sync::OnceLock, time::Duration};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorSettings},
    orchestrator::HttpRequest,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};

use super::connect::{POOL_IDLE_TIMEOUT, TrustedRoots, tls};

/// Total time limit of a request, from connecting to the end of the response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// HTTP client for small documents outside AWS. It reuses the SDK's HTTP client, so that the binary
/// contains only one. It does not follow redirects.
#[derive(Debug, Default)]
pub struct HttpGet(
    // Created on first use, because it loads the machine's certificates.
    OnceLock<Connector>,
);

impl HttpGet {
    /// Sends a GET request and returns the status and a body of at most `most` bytes.
    ///
    /// # Errors
    /// Fails when there is no response within two seconds or it is too long. The text is for the
    /// log.
    pub async fn get(&self, address: &str, most: usize) -> Result<(u16, Bytes), String> {
        let exchange = tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(address, most));
        exchange
            .await
            .unwrap_or_else(|_| Err("timed out".to_owned()))
            .map_err(|why| format!("{address}: {why}"))
    }

    async fn exchange(&self, address: &str, most: usize) -> Result<(u16, Bytes), String> {
        let request = HttpRequest::get(address).map_err(|error| error.to_string())?;
        let answer = self
            .0
            .get_or_init(connector)
            .call(request)
            .await
            .map_err(|error| format!("{error:?}"))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), most)
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    }
}

fn connector() -> Connector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(REQUEST_TIMEOUT)
        .build();
    let builder = Connector::builder()
        .connector_settings(settings)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .sleep_impl(TokioSleep::new())
        .tls_provider(Provider::Rustls(CryptoMode::Ring));
    match tls(TrustedRoots::Machine) {
        Some(context) => builder.tls_context(context).build(),
        None => builder.build(),
    }
}

use std::time::Duration;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::SdkConfig;

use super::{Mailer, Sockets};
use runtime::config::{ConfigError, Vars};

/// Amazon's root certificates (<https://www.amazontrust.com/repository/>). They cover all AWS
/// endpoints, and no file has to be read at startup.
const AMAZON_ROOTS: &str = include_str!("amazon_roots.pem");

/// Makes AWS clients that share one HTTP client. A function's binary has only the SDKs of the
/// services that it asks for.
#[derive(Clone, Debug)]
pub struct Clients {
    config: SdkConfig,
}

/// Creates clients from a Lambda function's environment: region, credentials, and
/// `AWS_ENDPOINT_URL` for an emulator.
///
/// The TLS provider is *ring*, since the first handshake with AWS-LC gathers entropy for 22 ms of
/// CPU time. There is no credential provider chain: Lambda sets the credentials, and they don't
/// change during a function's lifetime.
///
/// # Errors
/// Fails when the region or the credentials are not set.
pub fn connect(vars: Vars) -> Result<Clients, ConfigError> {
    let required = |name| vars(name).ok_or(ConfigError::Missing(name));
    let endpoint = vars("AWS_ENDPOINT_URL");
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        vars("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client(trust(endpoint.as_deref())))
        .sleep_impl(TokioSleep::new());
    config.set_endpoint_url(endpoint);
    Ok(Clients::of(&config.build()))
}

impl Clients {
    /// Adds timeouts to the configuration, which the SDK does not set by default.
    #[must_use]
    pub fn of(config: &SdkConfig) -> Self {
        Self { config: config.to_builder().timeout_config(timeouts()).build() }
    }

    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    #[must_use]
    pub fn scheduler(&self) -> aws_sdk_scheduler::Client {
        aws_sdk_scheduler::Client::new(&self.config)
    }

    #[must_use]
    pub fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        // A run's gauges are a few kilobytes; compression would gain nothing.
        let config = aws_sdk_cloudwatch::config::Builder::from(&self.config)
            .disable_request_compression(true)
            .build();
        aws_sdk_cloudwatch::Client::from_conf(config)
    }

    #[must_use]
    pub fn ses(&self) -> aws_sdk_sesv2::Client {
        // SES can't detect a repeated mail, so only a caller that tracks each mail may retry. SES
        // may also respond slowly.
        let config = aws_sdk_sesv2::config::Builder::from(&self.config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(single_try_timeout(Mailer::SEND_TIMEOUT))
            .build();
        aws_sdk_sesv2::Client::from_conf(config)
    }

    /// Client for the `@connections` API of an API Gateway at this address.
    #[must_use]
    pub fn sockets(&self, address: &str) -> Sockets {
        Sockets::at(&self.config, address)
    }
}

/// Startup waits at most this long for connections, so that an outage does not keep a function from
/// reporting it.
const WARM_UP_TIMEOUT: Duration = Duration::from_millis(300);

/// Opens connections during initialisation, when Lambda provides full CPU without charge. The
/// results of `calls` are ignored.
pub async fn warm_up(calls: impl Future) {
    let _ = tokio::time::timeout(WARM_UP_TIMEOUT, calls).await;
}

/// Maximum idle time of a pooled connection. A frozen function does not notice that peers close
/// connections until it sends. The pool compares times when it hands out a connection, so stopped
/// timers do no harm.
pub(super) const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Root certificates of an HTTP client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedRoots {
    /// Amazon's, for AWS endpoints.
    Amazon,
    /// The machine's, for emulators and developer machines.
    Machine,
}

/// Loading the machine's certificates takes milliseconds, so it is done only for a custom HTTPS
/// endpoint.
fn trust(endpoint: Option<&str>) -> TrustedRoots {
    match endpoint {
        Some(own) if own.starts_with("https://") => TrustedRoots::Machine,
        _ => TrustedRoots::Amazon,
    }
}

#[must_use]
pub fn http_client(trust: TrustedRoots) -> SharedHttpClient {
    let builder = Builder::new()
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .tls_provider(Provider::Rustls(CryptoMode::Ring));
    match tls(trust) {
        Some(context) => builder.tls_context(context).build_https(),
        None => builder.build_https(),
    }
}

pub(super) fn tls(trust: TrustedRoots) -> Option<TlsContext> {
    let store = match trust {
        TrustedRoots::Amazon => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
        TrustedRoots::Machine => TrustStore::empty().with_native_roots(true),
    };
    TlsContext::builder().with_trust_store(store).build().ok()
}

/// Timeouts for calls without retries.
pub(super) fn single_try_timeout(patience: Duration) -> TimeoutConfig {
    // Values not set here would default to those of other calls.
    let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_secs(1));
    timeouts.operation_attempt_timeout(patience).operation_timeout(patience).build()
}

/// An outage must be reported while the client still waits, so all tries together stay well below
/// `submit`'s timeout.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_millis(1500))
        .operation_timeout(Duration::from_secs(4))
        .build()
}

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
use crate::config::{ConfigError, Vars};

/// Amazon's own roots (<https://www.amazontrust.com/repository/>): all that its end points need, and no file to read at the start.
const AMAZON_ROOTS: &str = include_str!("amazon_roots.pem");

/// The clients of AWS's services, over one HTTP client.
#[derive(Clone, Debug)]
pub struct Clients {
    /// `CloudWatch`.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// `DynamoDB`.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// `EventBridge` Scheduler.
    pub scheduler: aws_sdk_scheduler::Client,
    /// SES.
    pub ses: aws_sdk_sesv2::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    config: SdkConfig,
}

/// Clients as the environment of a Lambda function says: region, credentials, and for an emulator `AWS_ENDPOINT_URL`.
///
/// The TLS provider is *ring*: the first handshake with AWS-LC gathers entropy for 22 ms of CPU. There is no chain of
/// credentials: Lambda sets them, and they don't change in a function's lifetime.
///
/// # Errors
/// When the region or the credentials are not set.
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
    /// Clients that share a configuration, and with it its HTTP client; with time-outs, which the SDK has none of by itself.
    #[must_use]
    pub fn of(config: &SdkConfig) -> Self {
        let config = config.to_builder().timeout_config(timeouts()).build();
        // A run's gauges are some kilobytes: there is nothing to win.
        let cloudwatch = aws_sdk_cloudwatch::config::Builder::from(&config)
            .disable_request_compression(true)
            .build();
        // SES can't tell a repeat from another mail: only who keeps account of each may try again. And it may take its time.
        let ses = aws_sdk_sesv2::config::Builder::from(&config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(within(Mailer::PATIENCE));
        Self {
            cloudwatch: aws_sdk_cloudwatch::Client::from_conf(cloudwatch),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            scheduler: aws_sdk_scheduler::Client::new(&config),
            ses: aws_sdk_sesv2::Client::from_conf(ses.build()),
            sqs: aws_sdk_sqs::Client::new(&config),
            config,
        }
    }

    /// The connections of the gateway whose `@connections` are at this address.
    #[must_use]
    pub fn sockets(&self, address: &str) -> Sockets {
        Sockets::at(&self.config, address)
    }
}

/// For how long a start may wait for its connections: an outage must not keep a function from saying so.
const PRIMING: Duration = Duration::from_millis(300);

/// Lets `calls` open connections during a function's start, when it runs at full CPU and costs nothing. What comes of them doesn't
/// matter.
pub async fn prime(calls: impl Future) {
    let _ = tokio::time::timeout(PRIMING, calls).await;
}

/// For how long an idle connection is used again. A frozen function outlives the connections that its peers close, and
/// sees that only when it sends. The pool compares times when a connection is taken out, so that timers which stood
/// still do no harm.
pub(super) const IDLE: Duration = Duration::from_secs(15);

/// Whose certificates an HTTP client trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Amazon's, for AWS's own end points.
    Amazon,
    /// Those of the machine, for emulators and people's computers.
    Machine,
}

/// Reading the machine's certificates takes milliseconds, so only an end point that has one of its own makes for it.
fn trust(endpoint: Option<&str>) -> Trust {
    match endpoint {
        Some(own) if own.starts_with("https://") => Trust::Machine,
        _ => Trust::Amazon,
    }
}

/// An HTTP client for the SDK.
#[must_use]
pub fn http_client(trust: Trust) -> SharedHttpClient {
    let builder =
        Builder::new().pool_idle_timeout(IDLE).tls_provider(Provider::Rustls(CryptoMode::Ring));
    match tls(trust) {
        Some(context) => builder.tls_context(context).build_https(),
        None => builder.build_https(),
    }
}

/// What tells good certificates from others.
pub(super) fn tls(trust: Trust) -> Option<TlsContext> {
    let store = match trust {
        Trust::Amazon => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
        Trust::Machine => TrustStore::empty().with_native_roots(true),
    };
    TlsContext::builder().with_trust_store(store).build().ok()
}

/// For calls that are tried once.
pub(super) fn within(patience: Duration) -> TimeoutConfig {
    // What isn't said here would be what holds for other calls.
    let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_secs(1));
    timeouts.operation_attempt_timeout(patience).operation_timeout(patience).build()
}

/// An outage has to be told while the client still listens, so all tries together stay well below `submit`'s time-out.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_millis(1500))
        .operation_timeout(Duration::from_secs(4))
        .build()
}

//! HTTP client for user-supplied addresses: targets of jobs and pages of metrics.
//!
//! It refuses private, loopback and link-local addresses unless the stack allows them. It follows
//! no redirects, so that a request only reaches the configured address.

mod address;

use std::{
    error::Error as _,
    fmt,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

pub use address::AddressNotPublic;
use address::{PublicResolver, is_public};
use reqwest::{Client, Request, RequestBuilder, Response, Url, redirect};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept for reuse. Short, because a function may be frozen for
/// longer than the peer keeps the connection open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// An HTTP client for user-supplied addresses. Clones share connections.
#[derive(Clone)]
pub struct Outbound {
    allow_private: bool,
    gzip: bool,
    /// Built on first use: loading root certificates takes most of the time, and not every function
    /// sends requests.
    client: Arc<OnceLock<Result<Client, String>>>,
    /// Replaces the network in tests.
    network: Option<Arc<Network>>,
}

/// A pending request; resolves when the response headers arrive.
pub type PendingResponse = Pin<Box<dyn Future<Output = Result<Response, reqwest::Error>> + Send>>;

type Network = dyn Fn(Request) -> PendingResponse + Send + Sync;

/// Why no request can be sent to an address.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error(transparent)]
    NotPublic(#[from] AddressNotPublic),
    #[error("invalid address")]
    InvalidAddress,
    /// The HTTP client could not be built; the cause is for the log.
    #[error("building the HTTP client failed: {0}")]
    ClientBuild(String),
}

impl Outbound {
    /// Allows or refuses private, loopback and link-local addresses.
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        Self { allow_private, gzip: false, client: Arc::default(), network: None }
    }

    /// Accepts gzip-compressed responses, which are decompressed transparently.
    #[must_use]
    pub fn with_gzip(self) -> Self {
        Self { gzip: true, ..self }
    }

    /// Replaces the network by a function, so that tests run in process without sockets or real
    /// time.
    #[must_use]
    pub fn with_network(
        self,
        network: impl Fn(Request) -> PendingResponse + Send + Sync + 'static,
    ) -> Self {
        Self { network: Some(Arc::new(network)), ..self }
    }

    /// Client and parsed URL with which to build a request for [`send`](Self::send).
    ///
    /// # Errors
    /// When the address is invalid or refused. A host name is checked later, when it is
    /// resolved.
    pub fn prepare(&self, address: &str) -> Result<(&Client, Url), OutboundError> {
        let client = self.client.get_or_init(|| self.build_client()).as_ref();
        let client = client.map_err(|cause| OutboundError::ClientBuild(cause.clone()))?;
        let url = address.parse::<Url>().map_err(|_| OutboundError::InvalidAddress)?;
        // The resolver checks host names; an IP address is never resolved, so it is checked here.
        if !self.allow_private && ip_literal(&url).is_some_and(|address| !is_public(address)) {
            return Err(AddressNotPublic.into());
        }
        Ok((client, url))
    }

    /// Sends a request and returns when the response headers arrive.
    ///
    /// # Errors
    /// When there is no response.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        match &self.network {
            None => request.send().await,
            Some(network) => network(request.build()?).await,
        }
    }

    fn build_client(&self) -> Result<Client, String> {
        // Fails if a provider is already installed, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .gzip(self.gzip)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
        if !self.allow_private {
            client = client.dns_resolver(Arc::new(PublicResolver));
        }
        client.build().map_err(|error| error.to_string())
    }
}

/// Whether a request failed because its host name resolves only to addresses that aren't public.
#[must_use]
pub fn is_address_refused(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.any(|cause| cause.is::<AddressNotPublic>())
}

fn ip_literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbound(allow_private: {})", self.allow_private)
    }
}

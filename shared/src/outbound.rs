//! The way to addresses that operators and clients name: targets of jobs and pages of metrics.
//!
//! Private, loopback and link-local addresses are refused unless the stack allows them, and redirects aren't followed: what is asked is
//! what was named.

mod address;

use std::{
    error::Error as _,
    fmt,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

pub use address::NotAllowed;
use address::{PublicOnly, is_public};
use reqwest::{Client, Request, RequestBuilder, Response, Url, redirect};

const CONNECT: Duration = Duration::from_secs(5);
/// For how long a connection is used again: a function may be frozen for longer than its peer keeps one.
const IDLE: Duration = Duration::from_secs(15);

/// An HTTP client for addresses from outside; clones share their connections.
#[derive(Clone)]
pub struct Outbound {
    allow_private: bool,
    compressed: bool,
    /// Made when it is first needed: most of it is reading root certificates, and not every function meets an address.
    client: Arc<OnceLock<Result<Client, String>>>,
    /// Answers in the network's place.
    network: Option<Arc<Network>>,
}

/// A request on its way to the head of its answer.
pub type Exchange = Pin<Box<dyn Future<Output = Result<Response, reqwest::Error>> + Send>>;

type Network = dyn Fn(Request) -> Exchange + Send + Sync;

/// Why an address can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum NoWay {
    /// It isn't public.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// It is no address.
    #[error("the address can't be read")]
    NotAnAddress,
    /// There is no client; the cause is for the log.
    #[error("no HTTP client could be made: {0}")]
    NoClient(String),
}

impl Outbound {
    /// With or without addresses that are private, loopback and link-local.
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        Self { allow_private, compressed: false, client: Arc::default(), network: None }
    }

    /// The same, asking for answers that are compressed by gzip; they come out plain.
    #[must_use]
    pub fn compressed(self) -> Self {
        Self { compressed: true, ..self }
    }

    /// The same over a network of the caller's: in tests one in the process, which needs no sockets, and no time but what it takes.
    #[must_use]
    pub fn over(self, network: impl Fn(Request) -> Exchange + Send + Sync + 'static) -> Self {
        Self { network: Some(Arc::new(network)), ..self }
    }

    /// What to ask an address with; [`send`](Self::send) sends it.
    ///
    /// # Errors
    /// When it can't be asked. A name that resolves to other than public addresses shows in the exchange itself: see [`is_refused`].
    pub fn to(&self, address: &str) -> Result<(&Client, Url), NoWay> {
        let client = self.client.get_or_init(|| self.connector()).as_ref();
        let client = client.map_err(|cause| NoWay::NoClient(cause.clone()))?;
        let url = address.parse::<Url>().map_err(|_| NoWay::NotAnAddress)?;
        // A name is checked when it is resolved; an address that needs no resolving is checked here.
        if !self.allow_private && literal(&url).is_some_and(|address| !is_public(address)) {
            return Err(NotAllowed.into());
        }
        Ok((client, url))
    }

    /// Sends a request, and answers when the head of its answer is there.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        match &self.network {
            None => request.send().await,
            Some(network) => network(request.build()?).await,
        }
    }

    fn connector(&self) -> Result<Client, String> {
        // Fails when it was installed before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .gzip(self.compressed)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
        if !self.allow_private {
            client = client.dns_resolver(Arc::new(PublicOnly));
        }
        client.build().map_err(|error| error.to_string())
    }
}

/// Whether an exchange failed because a name resolved to addresses that aren't public.
#[must_use]
pub fn is_refused(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.any(|cause| cause.is::<NotAllowed>())
}

fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbound(allow_private: {})", self.allow_private)
    }
}

//! When counts are written: before Lambda freezes the process.
//!
//! Lambda freezes an environment once the runtime and each extension asked for their next event. An
//! internal extension that is registered for `INVOKE` therefore keeps it running after the response
//! is out (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>). With an
//! extension, Lambda also sends `SIGTERM` 500 ms before it ends an environment
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>).
//! Where there is no Extensions API, as in most emulators, there is neither, and counts are written
//! before the response.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use lambda_http::Error;
use lambda_runtime_api_client::{PooledClient, body::Body};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
};

use crate::aws::Tallies;

const NAME: &str = "tollgate-flush";
/// For how long a start may wait for the answer, which comes from the machine itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often counts are written where there is an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// After each response: nothing is lost, however the process ends. It costs write units for
    /// each request.
    EachResponse,
    /// After a response every ten seconds at most, and when the environment ends. A crash loses
    /// what came since.
    WhenDue,
}

/// Writes a process' counts at the end of its invocations.
#[derive(Clone, Debug)]
pub(super) struct Flusher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tallies: Tallies,
    flush: Flush,
    /// Whether an extension flushes after the response. Else it is done before.
    is_extended: AtomicBool,
    /// A permit for each invocation that was responded to.
    responded: Semaphore,
}

/// An extension that is registered.
struct Extension {
    client: PooledClient,
    id: HeaderValue,
}

impl Flusher {
    /// Registers the extension, if there can be one. The runtime must not have asked for an event
    /// before.
    pub async fn start(tallies: Tallies, flush: Flush) -> Self {
        let (is_extended, responded) = (AtomicBool::default(), Semaphore::new(0));
        let flusher = Self(Arc::new(Inner { tallies, flush, is_extended, responded }));
        match tokio::time::timeout(PATIENCE, Extension::register()).await {
            Ok(Ok(extension)) => {
                flusher.0.is_extended.store(true, Ordering::Relaxed);
                tokio::spawn(flusher.clone().follow(extension));
                tokio::spawn(flusher.clone().flush_at_end());
            }
            Ok(Err(cause)) => {
                tracing::debug!(cause, "no extensions: counts are flushed before the response")
            }
            Err(_) => {
                tracing::warn!("no answer to the extension: counts are flushed before the response")
            }
        }
        flusher
    }

    /// Before a response is sent.
    pub async fn before_response(&self) {
        if !self.0.is_extended.load(Ordering::Relaxed) {
            self.0.tallies.flush().await;
        }
    }

    /// After a response, or an error in its place, was sent.
    pub fn responded(&self) {
        self.0.responded.add_permits(1);
    }

    /// Flushes after each response. Should the Extensions API fail, flushing before responses takes
    /// over.
    async fn follow(self, extension: Extension) {
        let Err(error) = self.flush_each(&extension).await;
        tracing::error!(cause = %error, "the extension failed: counts are flushed before the response");
        self.0.is_extended.store(false, Ordering::Relaxed);
        self.0.tallies.flush().await;
    }

    async fn flush_each(&self, extension: &Extension) -> Result<std::convert::Infallible, Error> {
        loop {
            extension.next().await?;
            self.0.responded.acquire().await?.forget();
            match self.0.flush {
                Flush::EachResponse => self.0.tallies.flush().await,
                Flush::WhenDue => self.0.tallies.flush_if_due().await,
            }
        }
    }

    /// Flushes at the end of the environment, and ends the process.
    async fn flush_at_end(self) {
        let Ok(mut end) = signal(SignalKind::terminate()) else { return };
        if end.recv().await.is_some() {
            self.0.tallies.flush().await;
            std::process::exit(0);
        }
    }
}

impl Extension {
    async fn register() -> Result<Self, String> {
        let client = PooledClient::builder().build();
        let events = serde_json::json!({"events": ["INVOKE"]}).to_string();
        let request = Request::post("/2020-01-01/extension/register")
            .header("lambda-extension-name", NAME)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(events))
            .map_err(|error| error.to_string())?;
        let answer = client.call(request).await.map_err(|error| error.to_string())?;
        let id = answer.headers().get("lambda-extension-identifier").cloned();
        match id.filter(|_| answer.status().is_success()) {
            Some(id) => Ok(Self { client, id }),
            None => Err(format!("the answer is {}", answer.status())),
        }
    }

    /// Says that the extension is done, and waits for the next invocation.
    async fn next(&self) -> Result<(), Error> {
        let request = Request::get("/2020-01-01/extension/event/next")
            .header("lambda-extension-identifier", &self.id)
            .body(Body::empty())?;
        let (head, body) = Response::into_parts(self.client.call(request).await?);
        body.collect().await?;
        if head.status.is_success() {
            Ok(())
        } else {
            Err(format!("the answer is {}", head.status).into())
        }
    }
}

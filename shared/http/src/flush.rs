//! Flushes buffered counts before Lambda freezes the process.
//!
//! Lambda freezes an environment once the runtime and every extension have requested their next
//! event. An internal extension registered for `INVOKE` therefore keeps it running after the
//! response is sent (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>).
//! With an extension, Lambda also sends `SIGTERM` 500 ms before it shuts an environment down
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>).
//!
//! Most emulators have no Extensions API. Counts are then flushed before the response.

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

use store::Tallies;

const EXTENSION_NAME: &str = "tollgate-flush";
/// Time limit for registration, which delays the start. The API is local to the machine.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(1);

/// How often counts are flushed where the Extensions API is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushMode {
    /// After every response. No counts are lost, however the process ends, but each request costs
    /// write units.
    EachResponse,
    /// After a response, at most every ten seconds, and at shutdown. A crash loses the counts since
    /// the last flush.
    WhenDue,
}

/// Flushes the counts of a process at the end of its invocations.
#[derive(Clone, Debug)]
pub(super) struct Flusher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tallies: Tallies,
    flush: FlushMode,
    /// Whether the extension flushes after the response; otherwise `before_response` flushes.
    has_extension: AtomicBool,
    /// One permit per invocation whose response is sent.
    responses_sent: Semaphore,
}

/// A registered internal extension.
struct Extension {
    client: PooledClient,
    id: HeaderValue,
}

impl Flusher {
    /// Registers the extension if the API is available. Must run before the runtime requests its
    /// first event.
    pub async fn start(tallies: Tallies, flush: FlushMode) -> Self {
        let (is_extended, responded) = (AtomicBool::default(), Semaphore::new(0));
        let flusher = Self(Arc::new(Inner {
            tallies,
            flush,
            has_extension: is_extended,
            responses_sent: responded,
        }));
        match tokio::time::timeout(REGISTER_TIMEOUT, Extension::register()).await {
            Ok(Ok(extension)) => {
                flusher.0.has_extension.store(true, Ordering::Relaxed);
                tokio::spawn(flusher.clone().run_extension(extension));
                tokio::spawn(flusher.clone().flush_on_sigterm());
            }
            Ok(Err(cause)) => {
                tracing::debug!(cause, "extensions API unavailable, flushing before responses")
            }
            Err(_) => {
                tracing::warn!("extension registration timed out, flushing before responses")
            }
        }
        flusher
    }

    pub async fn before_response(&self) {
        if !self.0.has_extension.load(Ordering::Relaxed) {
            self.0.tallies.flush().await;
        }
    }

    /// Call after the response, or the error in its place, is sent.
    pub fn response_sent(&self) {
        self.0.responses_sent.add_permits(1);
    }

    /// Flushes after each response. If the Extensions API fails, counts are flushed before
    /// responses from then on.
    async fn run_extension(self, extension: Extension) {
        let Err(error) = self.flush_after_responses(&extension).await;
        tracing::error!(
            cause = %error,
            "extension failed, flushing before responses"
        );
        self.0.has_extension.store(false, Ordering::Relaxed);
        self.0.tallies.flush().await;
    }

    async fn flush_after_responses(
        &self,
        extension: &Extension,
    ) -> Result<std::convert::Infallible, Error> {
        loop {
            extension.next_invocation().await?;
            self.0.responses_sent.acquire().await?.forget();
            match self.0.flush {
                FlushMode::EachResponse => self.0.tallies.flush().await,
                FlushMode::WhenDue => self.0.tallies.flush_if_due().await,
            }
        }
    }

    /// Flushes on `SIGTERM` and exits.
    async fn flush_on_sigterm(self) {
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
            .header("lambda-extension-name", EXTENSION_NAME)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(events))
            .map_err(|error| error.to_string())?;
        let answer = client.call(request).await.map_err(|error| error.to_string())?;
        let id = answer.headers().get("lambda-extension-identifier").cloned();
        match id.filter(|_| answer.status().is_success()) {
            Some(id) => Ok(Self { client, id }),
            None => Err(format!("unexpected status {}", answer.status())),
        }
    }

    /// Reports the extension as done and waits for the next invocation.
    async fn next_invocation(&self) -> Result<(), Error> {
        let request = Request::get("/2020-01-01/extension/event/next")
            .header("lambda-extension-identifier", &self.id)
            .body(Body::empty())?;
        let (head, body) = Response::into_parts(self.client.call(request).await?);
        body.collect().await?;
        if head.status.is_success() {
            Ok(())
        } else {
            Err(format!("unexpected status {}", head.status).into())
        }
    }
}

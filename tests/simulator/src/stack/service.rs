//! The HTTP functions in processes of their own.

use std::time::Duration;

use axum::Router;
use http::Method;
use store::Tallies;

use crate::HttpApi;

/// The HTTP functions behind the API's routes.
#[derive(Clone, Debug)]
pub struct Service {
    pub(super) submit: Router,
    pub(super) poll: Router,
    pub(super) manage: Router,
    pub(super) console: Router,
    /// Written after each response.
    pub(super) submit_tallies: Tallies,
    /// Of `poll` and `manage`, written from time to time.
    pub(super) other_tallies: [Tallies; 2],
}

/// Idle time after which Lambda ends a process in this simulator.
const IDLE_TIMEOUT: Duration = Duration::from_secs(11);

impl Service {
    /// Runs the extensions' work between a response and the freeze, and at the end of an idle
    /// process.
    pub async fn flush(&self) {
        self.submit_tallies.flush().await;
        for tallies in &self.other_tallies {
            tallies.flush_if_due().await;
            let ended = tallies.clone();
            tokio::spawn(async move {
                tokio::time::sleep(IDLE_TIMEOUT).await;
                ended.flush().await;
            });
        }
    }

    /// The function that the template's routes send a request to.
    pub fn function(&self, method: &Method, path: &str) -> Router {
        let router = match HttpApi::of_template().function(method, path) {
            "SubmitFunction" => &self.submit,
            "PollFunction" => &self.poll,
            "ManageFunction" => &self.manage,
            "ConsoleFunction" => &self.console,
            other => panic!("no function {other}"),
        };
        router.clone()
    }
}

//! The Lambda function `console`.

use console::App;
use runtime::{
    clock::Clock,
    config::{ConsoleConfig, environment, metrics_namespace},
    telemetry::{self, Metrics},
};
use tollgate_http::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let config = ConsoleConfig::read(&environment)?;
    let metrics = Metrics::stdout(&metrics_namespace(&environment));
    serve(console::router(App { push: config.push, clock: Clock::system(), metrics })?).await
}

//! The Lambda function `manage`.

use manage::App;
use runtime::{
    clock::Clock,
    config::{ManageConfig, environment, metrics_namespace},
    telemetry::{self, Metrics},
};
use store::connect;
use tollgate_http::{FlushMode, serve_with_flush};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let config = ManageConfig::read(&environment)?;
    let app = App::new(
        connect(&environment)?,
        config,
        Clock::system(),
        Metrics::stdout(&metrics_namespace(&environment)),
    );
    app.prime().await;
    let tallies = app.tallies();
    serve_with_flush(manage::router(app), tallies, FlushMode::WhenDue).await
}

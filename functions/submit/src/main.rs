//! The Lambda function `submit`.

use shared::{
    aws::connect,
    clock::Clock,
    config::{SubmitConfig, environment, metrics_namespace},
    gate::serve,
    telemetry::{self, Metrics},
};
use submit::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let config = SubmitConfig::read(&environment)?;
    let app = App::new(
        connect(&environment)?,
        config,
        Clock::system(),
        Metrics::stdout(&metrics_namespace(&environment)),
    );
    app.prime().await;
    serve(submit::router(app)).await
}

//! The Lambda function `quota-check`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use quota_check::{Checker, Tick};
use runtime::{
    clock::Clock,
    config::{QuotaCheckConfig, environment, metrics_namespace},
    telemetry::{self, Metrics},
};
use store::connect;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let config = QuotaCheckConfig::read(&environment)?;
    let clock = Clock::system();
    let checker = Checker::new(
        connect(&environment)?,
        config,
        clock.clone(),
        Metrics::stdout(&metrics_namespace(&environment)),
    );
    let (checker, clock) = (&checker, &clock);
    lambda_runtime::run(service_fn(async |tick: LambdaEvent<Tick>| {
        let due = tick.payload.time.unwrap_or_else(|| clock.now());
        // Boxed: the complete future is nested too deeply for the compiler to compute its layout.
        Box::pin(checker.check(&tick.context.request_id, due)).await.map_err(Error::from)
    }))
    .await
}

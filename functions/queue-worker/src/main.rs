//! The Lambda function `queue-worker`.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use model::time::Time;
use queue_worker::Worker;
use runtime::{
    clock::Clock,
    config::{WorkerConfig, environment, metrics_namespace},
    telemetry::{self, Metrics},
};
use store::connect;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let config = WorkerConfig::read(&environment)?;
    let worker = Worker::new(
        connect(&environment)?,
        config,
        Clock::system(),
        Metrics::stdout(&metrics_namespace(&environment)),
    );
    worker.prime().await;
    let worker = &worker;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let deadline = Time::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        Ok::<_, Error>(worker.handle(event.payload, &event.context.request_id, deadline).await)
    }))
    .await
}

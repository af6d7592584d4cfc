//! The Lambda function `push`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use model::time::Time;
use push::{Pusher, Trigger};
use runtime::{
    clock::Clock,
    config::{PushConfig, environment},
    telemetry,
};
use store::connect;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let config = PushConfig::read(&environment)?;
    let pusher = Pusher::new(connect(&environment)?, config, Clock::system());
    let pusher = &pusher;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Trigger>| {
        let deadline = Time::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        Ok::<_, Error>(pusher.handle(event.payload, &event.context.request_id, deadline).await?)
    }))
    .await
}

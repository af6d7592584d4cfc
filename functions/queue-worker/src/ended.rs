//! Handles the message that announces a job's end: sends the callback, or publishes the event that
//! the worker no longer could.

use model::job::Ended;

use crate::{
    Worker, callback::send_callback, context::Invocation, disposition::Handled, event::publish_end,
    message::ReceivedMessage,
};

pub async fn handle_ended(
    worker: &Worker,
    ended: &Ended,
    delivery: &ReceivedMessage,
    invocation: Invocation<'_>,
) -> Handled {
    let result = match ended.event {
        Some(event) => publish_end(worker, ended, event, delivery).await,
        None => send_callback(worker, ended, delivery).await,
    };
    result.unwrap_or_else(|error| {
        tracing::error!(
            request.id = invocation.request_id, account = %ended.account, job = %ended.id,
            cause = %error,
            "callback or event of a finished job failed"
        );
        Handled::after_outage(delivery, worker.clock.now())
    })
}

//! Lambda's recursive loop detection: how often a message went through the function that consumes
//! it.
//!
//! The SDK passes the trace header of an invocation on with every call, and SQS stores it with each
//! message. Lambda counts in it how often a function was invoked in one chain of requests. After
//! about 16 times it refuses the next invocation, unless the function's property `RecursiveLoop`
//! allows loops (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>). A
//! refused batch is lost: the redrive policy counts failed receives, and a refusal is not one.

use crate::{DEAD_LETTERS, JOBS, template};
use serde_json::{Value, json};
use std::future::Future;

/// Maximum invocations of a function in one chain of requests.
const MAX_INVOCATIONS: u32 = 16;
/// Attribute of requests and messages with the trace header.
pub(crate) const HEADER: &str = "AWSTraceHeader";
const FIELD: &str = "Lineage=sim:";

tokio::task_local! {
    /// Earlier invocations in the chain of the current one.
    static HOPS: u32;
}

/// Runs an invocation; `hops` is the maximum among its messages.
pub(crate) async fn invoke<F: Future>(hops: u32, invocation: F) -> F::Output {
    HOPS.scope(hops, invocation).await
}

/// Whether Lambda refuses to invoke a queue's function for a message with so many hops.
pub(crate) fn is_refused(queue: &str, hops: u32, template_counts: bool) -> bool {
    hops >= MAX_INVOCATIONS && !(template_counts && is_allowed(queue))
}

/// Adds the header of the current invocation to the messages that a request sends.
pub(crate) fn add_trace_header(operation: &str, request: &mut Value) {
    let Ok(hops) = HOPS.try_with(|hops| *hops) else { return };
    let header = json!(format!("{FIELD}{}", hops + 1));
    match operation {
        "SendMessage" => request[HEADER] = header,
        "SendMessageBatch" => {
            let entries = request["Entries"].as_array_mut().into_iter().flatten();
            entries.for_each(|entry| entry[HEADER] = header.clone());
        }
        _ => {}
    }
}

/// Number of hops in a header.
pub(crate) fn hops(header: Option<&str>) -> u32 {
    header.and_then(|header| header.strip_prefix(FIELD)?.parse().ok()).unwrap_or(0)
}

/// Whether the consumer of a queue has `RecursiveLoop: Allow` in `template.yaml`.
fn is_allowed(queue: &str) -> bool {
    let names = [(JOBS, "JobQueue.Arn"), (DEAD_LETTERS, "DeadLetterQueue.Arn")];
    let arn = names.iter().find(|(name, _)| *name == queue).expect("a queue of the template").1;
    let resources = template()["Resources"].as_object().unwrap().values();
    let mut fed = resources.map(|resource| &resource["Properties"]).filter(|function| {
        let events = function["Events"].as_object().into_iter().flatten();
        events.into_iter().any(|(_, event)| event["Properties"]["Queue"]["!GetAtt"] == arn)
    });
    fed.next().expect("a function for each queue")["RecursiveLoop"] == "Allow"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Aws, Delivery, EventSource, Killed};
    use aws_lambda_events::sqs::SqsBatchResponse;
    use std::{cell::Cell, time::Duration};

    /// Sends a message that the function sends to its own queue again each time. Returns the number
    /// of invocations.
    async fn invocations(aws: &Aws) -> (usize, Vec<Delivery>) {
        let send = async || {
            let call = aws.sqs().send_message().queue_url(aws.queue_url(JOBS)).message_body("x");
            call.send().await.unwrap();
        };
        send().await;
        let invoked = Cell::new(0);
        let source = EventSource::new(aws, JOBS, 10);
        let run = source
            .run_until_idle(Duration::from_secs(3600), async |_| {
                invoked.set(invoked.get() + 1);
                if invoked.get() < 100 {
                    send().await;
                }
                Ok::<_, Killed>(SqsBatchResponse::default())
            })
            .await;
        assert!(run.emptied);
        (invoked.get(), run.deliveries)
    }

    #[tokio::test(start_paused = true)]
    async fn loop_is_dropped_after_sixteen_invocations() {
        let aws = Aws::new();
        aws.enforce_loop_detection();
        let (invoked, mut deliveries) = invocations(&aws).await;
        assert_eq!((invoked, deliveries.pop()), (16, Some(Delivery::Dropped { messages: 1 })));
        assert_eq!(aws.dropped_invocations(), 1);
        assert!(aws.messages(DEAD_LETTERS).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn function_with_recursive_loop_allow_is_not_dropped() {
        let aws = Aws::new();
        assert_eq!(invocations(&aws).await.0, 100);
        assert_eq!(aws.dropped_invocations(), 0);
    }
}

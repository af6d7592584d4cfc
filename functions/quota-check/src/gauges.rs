use std::collections::BTreeMap;

use model::name::Name;
use runtime::{clock::Clock, metrics::registry};
use store::{Gauge, Gauges, JobQueue};

use crate::evaluate::Evaluated;

/// Context of publishing gauges.
#[derive(Debug)]
pub struct GaugePublisher {
    pub gauges: Gauges,
    pub queue: JobQueue,
    pub clock: Clock,
}

/// Publishes gauges to `CloudWatch`, with one call per thousand. Errors are logged only, since the
/// next minute publishes again. Stacks without quotas and sources have none to pay for; AWS
/// publishes the metrics of queues and functions itself.
pub async fn publish_gauges(
    publisher: &GaugePublisher,
    request_id: &str,
    evaluated: &Evaluated,
    up: &BTreeMap<Name, bool>,
) {
    if evaluated.utilization.is_empty() && up.is_empty() {
        return;
    }
    let mut gauges = gauges(evaluated, up);
    match publisher.queue.depth().await {
        Ok(depth) => gauges.push(Gauge::count(&registry::QUEUE_DEPTH, count(depth))),
        Err(error) => {
            tracing::warn!(
                request.id = request_id, cause = %error,
                "reading the queue depth failed"
            )
        }
    }
    if let Err(error) = publisher.gauges.put(&gauges, publisher.clock.now()).await {
        tracing::warn!(request.id = request_id, cause = %error, "publishing gauges failed");
    }
}

fn gauges(evaluated: &Evaluated, up: &BTreeMap<Name, bool>) -> Vec<Gauge> {
    let utilization = evaluated.utilization.iter().map(|(quota, percent)| {
        Gauge::percent(&registry::UTILIZATION, *percent).of("Quota", quota.as_str())
    });
    let sources = up.iter().map(|(source, up)| {
        Gauge::count(&registry::UP, f64::from(*up)).of("Source", source.as_str())
    });
    let down = up.values().filter(|up| !**up).count();
    let totals = [
        Gauge::count(&registry::SOURCES_DOWN, count(down)),
        Gauge::count(&registry::MAILS_FAILING, count(evaluated.mails_failing)),
    ];
    utilization.chain(sources).chain(totals).collect()
}

#[expect(clippy::cast_precision_loss, reason = "queues hold fewer than 2^53 messages")]
const fn count(number: usize) -> f64 {
    number as f64
}

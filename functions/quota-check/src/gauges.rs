use std::collections::BTreeMap;

use model::name::Name;
use runtime::metrics::registry;
use store::Gauge;

use crate::{Checker, evaluate::Evaluated};

impl Checker {
    /// Publishes gauges to `CloudWatch`, with one call per thousand. Errors are logged only, since
    /// the next minute publishes again. Stacks without quotas and sources have none to pay for; AWS
    /// publishes the metrics of queues and functions itself.
    pub(crate) async fn publish_gauges(
        &self,
        request: &str,
        evaluated: &Evaluated,
        up: &BTreeMap<Name, bool>,
    ) {
        if evaluated.utilization.is_empty() && up.is_empty() {
            return;
        }
        let utilization = evaluated.utilization.iter();
        let mut gauges: Vec<_> = utilization
            .map(|(quota, percent)| {
                Gauge::percent(&registry::UTILIZATION, *percent).of("Quota", quota.as_str())
            })
            .collect();
        gauges.extend(up.iter().map(|(source, up)| {
            Gauge::count(&registry::UP, f64::from(*up)).of("Source", source.as_str())
        }));
        gauges.push(Gauge::count(
            &registry::SOURCES_DOWN,
            count(up.values().filter(|up| !**up).count()),
        ));
        gauges.push(Gauge::count(&registry::MAILS_FAILING, count(evaluated.mails_failing)));
        match self.queue.depth().await {
            Ok(depth) => gauges.push(Gauge::count(&registry::QUEUE_DEPTH, count(depth))),
            Err(error) => {
                tracing::warn!(
                    request.id = request, cause = %error,
                    "reading the queue depth failed"
                )
            }
        }
        if let Err(error) = self.gauges.put(&gauges, self.clock.now()).await {
            tracing::warn!(request.id = request, cause = %error, "publishing gauges failed");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "queues hold fewer than 2^53 messages")]
const fn count(number: usize) -> f64 {
    number as f64
}

use model::{name::Name, time::Time};
use runtime::{metrics::registry, telemetry::Record};

use super::context::{Collector, SourceUsage};

/// Logs failed and skipped sources, and records the metrics of a collection.
pub fn record(
    collector: &Collector,
    request_id: &str,
    collected: &[SourceUsage],
    skipped: &[Name],
    due: Time,
) {
    for source in skipped {
        tracing::warn!(
            request.id = request_id, %source, %due,
            "source skipped, collected first by the next run"
        );
    }
    let (failed, succeeded): (Vec<_>, Vec<_>) =
        collected.iter().partition(|usage| usage.state.failures > 0);
    for SourceUsage { origin: source, state, .. } in &failed {
        let cause = state.last_error.as_deref().unwrap_or_default();
        tracing::warn!(request.id = request_id, %source, cause, "collecting a source failed");
    }
    let series = succeeded.iter().fold(0u64, |sum, usage| sum.saturating_add(usage.state.series));
    let record = Record::new()
        .count(&registry::SERIES_COLLECTED, usize::try_from(series).unwrap_or(usize::MAX))
        .count(&registry::SOURCES_FAILED, failed.len())
        .count(&registry::SOURCES_MISSED, skipped.len());
    if !collected.is_empty() || !skipped.is_empty() {
        collector.metrics.emit(&record, collector.clock.now());
    }
}
